import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { inserted } from '../../lib/testing/key-store-drafts.js'

const store = createPostgresKeyStore({ connectionString: process.env.KEYS_URL })
await inserted(store, 'w1')
await store.close()
console.log('inserted')
