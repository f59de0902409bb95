import xxhash from 'xxhash-wasm';

/** xxh64 with seed 0, over bytes or the UTF-8 of a string; an unsigned 64-bit integer. */
export interface Xxh64 {
  (input: Uint8Array | string): bigint;
}

let loading: Promise<Xxh64> | undefined;

/** Loads the hash once in a process; its WebAssembly takes a few milliseconds to compile. */
export function loadXxh64(): Promise<Xxh64> {
  loading ??= xxhash().then(
    ({ h64, h64Raw }) =>
      (input) =>
        typeof input === 'string' ? h64(input) : h64Raw(input),
  );
  return loading;
}
