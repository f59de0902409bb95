import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key, and a certificate for a host name and 127.0.0.1 that is its own authority. PEM each. */
export interface SelfSigned {
  readonly key: Buffer;
  readonly certificate: Buffer;
}

/** Makes one, for `localhost` unless told, with the system's `openssl`. */
export function makeSelfSigned(host = 'localhost'): SelfSigned {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-test-'));
  const [keyFile, certificateFile] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  try {
    const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host},IP:127.0.0.1`];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
    execFileSync('openssl', ['req', '-x509', ...key, '-out', certificateFile, '-days', '2', ...subject], {
      stdio: 'pipe',
    });
    return { key: readFileSync(keyFile), certificate: readFileSync(certificateFile) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
