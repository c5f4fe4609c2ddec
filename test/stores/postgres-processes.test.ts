import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { start } from '../helpers/child.js'
import { collectRounds } from '../helpers/collect.js'
import { startPostgres } from '../helpers/postgres.js'

const file = fileURLToPath(new URL('../helpers/keys-server.js', import.meta.url))

/** A server process, and requests to it. */
async function serve (t: Test, keys: string) {
  const child = start([process.execPath, file], undefined, { KEYS_URL: keys })
  const closed = once(child, 'close')
  async function stop (): Promise<unknown> {
    child.kill('SIGTERM')
    return await closed
  }
  t.teardown(stop)
  const [address] = await once(child.stdout, 'data')
  const url = String(address).trim()
  return {
    stop,
    async issue (): Promise<{ id: string, secret: string }> {
      const { key, secret }: { key: { id: string }, secret: string } = JSON.parse(await (await fetch(`${url}/keys`, { method: 'POST' })).text())
      return { id: key.id, secret }
    },
    async revoke (id: string) {
      const response = await fetch(`${url}/keys/${id}/revoke`, { method: 'POST' })
      const body: { version: number, revokedAt: string } = JSON.parse(await response.text())
      return { status: response.status, body }
    },
    devices: async (secret: string) => (await fetch(`${url}/devices`, { headers: { authorization: `Bearer ${secret}` } })).status
  }
}

t.test('two server processes share the keys in one Postgres, and a revocation by either holds in both', async (t) => {
  const keys = await (await startPostgres(t)).createDatabase()
  const [one, other] = await Promise.all([serve(t, keys), serve(t, keys)])
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [issuer, revoker] of [[one, other], [other, one], [one, one]] as const) {
    const { id, secret } = await issuer.issue()
    rounds.add([await one.devices(secret), await other.devices(secret)], [200, 200])
    patterns.add(await revoker.revoke(id), { status: 200, body: { version: 2 } })
    rounds.add([await one.devices(secret), await other.devices(secret)], [401, 401], 'from the next request on')
  }

  const { id, secret } = await one.issue()
  const revocations = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : other).revoke(id)))
  for (const { status, body } of revocations) patterns.add({ status, body }, { status: 200, body: { version: 2, revokedAt: String } })
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal(new Set(revocations.map(({ body }) => body.revokedAt)).size, 1, 'revoked once')
  t.strictSame([await one.devices(secret), await other.devices(secret)], [401, 401])
  t.strictSame(await Promise.all([one.stop(), other.stop()]), [[0, null], [0, null]], 'they close their connections and exit')
})
