import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './child.js'

/** A certificate for localhost that signs itself, made now and kept nowhere. */
export async function selfSigned (): Promise<{ key: string, cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'))
  try {
    const { code, stderr } = await run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', 'key.pem', '-out', 'cert.pem'], folder)
    if (code !== 0) throw new Error(`openssl: ${stderr}`)
    const [key, cert] = await Promise.all([readFile(join(folder, 'key.pem'), 'utf8'), readFile(join(folder, 'cert.pem'), 'utf8')])
    return { key, cert }
  } finally {
    await rm(folder, { recursive: true })
  }
}
