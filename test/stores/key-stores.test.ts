import t from 'tap'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import { keyStoreConformance } from 'fastify-latchkey/testing'
import { conforms } from '../helpers/conforms.js'
import { databaseFolder } from '../helpers/pglite.js'

t.test('memory', (t) => conforms(t, createMemoryKeyStore(), keyStoreConformance()))

t.test('an embedded Postgres in a folder', async (t) => {
  await conforms(t, createPgliteKeyStore({ dataDir: await databaseFolder(t) }), keyStoreConformance())
})
