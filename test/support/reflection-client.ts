import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';
import { DynamicClient, type DynamicMessage } from './dynamic-client.js';

interface Answer {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly error_response?: { readonly error_code: number };
}

const packages = createRequire(`${process.cwd()}/package.json`);
const PROTO_DIR = join(dirname(packages.resolve('@grpc/reflection/package.json')), 'build/proto');

/** A client that knows nothing of a server but its address, as grpcurl does. */
export class ReflectionClient implements Disposable {
  readonly #address: string;
  readonly #client: DynamicClient;
  readonly #stream: ClientDuplexStream<object, DynamicMessage>;

  constructor(address: string, version: 'v1' | 'v1alpha') {
    this.#address = address;
    const proto = `grpc/reflection/${version}/reflection.proto`;
    const definition = loadSync(proto, { includeDirs: [PROTO_DIR], keepCase: true });
    this.#client = new DynamicClient(address, definition, `grpc.reflection.${version}.ServerReflection`);
    this.#stream = this.#client.duplex('ServerReflectionInfo');
  }

  async listServices(): Promise<string[]> {
    const answer = await this.#ask({ list_services: '' });
    return (answer.list_services_response?.service ?? []).map(({ name }) => name).sort();
  }

  /** A client of one service, made from the descriptors of its file and of all that it imports. */
  async clientOf(service: string): Promise<DynamicClient> {
    const files = new Map<string, Buffer>();
    const wanted: object[] = [{ file_containing_symbol: service }];
    for (let request = wanted.pop(); request !== undefined; request = wanted.pop()) {
      const answer = await this.#ask(request);
      if (answer.file_descriptor_response === undefined) throw new Error(`no answer to ${JSON.stringify(request)}`);
      for (const file of answer.file_descriptor_response.file_descriptor_proto) {
        const { name, imports } = headOf(file);
        files.set(name, file);
        for (const path of imports) if (!files.has(path)) wanted.push({ file_by_filename: path });
      }
    }
    const set = new BinaryWriter();
    for (const file of files.values()) set.uint32((1 << 3) | 2).bytes(file);
    const options = { keepCase: true, longs: String, enums: String, defaults: true };
    const definition = loadFileDescriptorSetFromBuffer(Buffer.from(set.finish()), options);
    return new DynamicClient(this.#address, definition, service);
  }

  /** The gRPC status code that the server answers where it does not know a symbol. */
  async errorOf(symbol: string): Promise<number | undefined> {
    return (await this.#ask({ file_containing_symbol: symbol })).error_response?.error_code;
  }

  [Symbol.dispose](): void {
    this.#stream.end();
    this.#client[Symbol.dispose]();
  }

  async #ask(request: object): Promise<Answer> {
    this.#stream.write(request);
    const [answer] = (await once(this.#stream, 'data')) as [Answer];
    return answer;
  }
}

/** Name and imports of a FileDescriptorProto, which are its fields 1 and 3. */
function headOf(file: Buffer): { name: string; imports: string[] } {
  const reader = new BinaryReader(file);
  const imports: string[] = [];
  let name = '';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) name = reader.string();
    else if (field === 3) imports.push(reader.string());
    else reader.skip(wireType, field);
  }
  return { name, imports };
}
