import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import { keyStoreConformance } from 'fastify-latchkey/testing'
import { conforms } from '../helpers/conforms.js'

t.test('memory', (t) => conforms(t, createMemoryKeyStore(), keyStoreConformance()))

t.test('an embedded Postgres in a folder', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pglite-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await conforms(t, createPgliteKeyStore({ dataDir: join(folder, 'keys') }), keyStoreConformance())
})
