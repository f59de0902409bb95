export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** The items of all pages, each page read when the one before has been taken. `read` is given an empty token first. */
export async function* readPages<T>(read: (pageToken: string) => Promise<Page<T>>): AsyncGenerator<T, void, undefined> {
  let pageToken = '';
  do {
    const page = await read(pageToken);
    yield* page.items;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
