/** Where a client says what it does by itself. A pino logger is one. */
export interface ClientLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLogger: ClientLogger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
