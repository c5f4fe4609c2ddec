import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { readPort } from '../../examples/base.js'
import { build } from '../../examples/server.js'
import { collectRounds, thrown } from '../helpers/collect.js'
import { npmStart, runExample, startExample } from '../helpers/example.js'

const example = await startExample(undefined, {}, await npmStart())
t.teardown(() => example.stop('SIGKILL'))

/** The same server in this process, with nothing used up and nothing that outlives it. */
async function serveFresh (t: Test): Promise<Pick<typeof example, 'url' | 'keys'>> {
  const { app, keys } = await build({ logger: false })
  t.teardown(() => app.close())
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), keys }
}

async function ask (path: string, key?: string, init: RequestInit = {}, { url, keys }: Pick<typeof example, 'url' | 'keys'> = example): Promise<Response> {
  const headers = new Headers(init.headers)
  if (key !== undefined) headers.set('authorization', `Bearer ${keys[key]}`)
  return await fetch(url + path, { ...init, headers })
}

function json (method: string, body: unknown): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

t.test('start-up ends with one line of JSON', async (t) => {
  const lines = example.shown.trimEnd().split('\n')
  t.same(Object.keys(JSON.parse(lines.at(-1) ?? '')), ['listening', 'keys'])
  t.same(Object.keys(example.keys), ['read', 'write', 'manage', 'free', 'sandbox', 'other-workspace', 'admin'])
})

t.test('a key reads what its workspace and environment have, and sees what is left of its quota', async (t) => {
  const response = await ask('/devices', 'read')
  t.equal(response.status, 200)
  t.match(response.headers.get('ratelimit'), /^"production";r=\d+;t=\d+$/)
  t.equal(response.headers.get('ratelimit-policy'), '"production";q=100;w=60')
  t.match(await response.json(), [{ id: 'device_1', name: 'Till 1 of north' }, { id: 'device_2', name: 'Till 2 of north' }])
  t.match(await (await ask('/devices', 'other-workspace')).json(), [{ name: 'Till 1 of south' }])
  t.equal((await ask('/devices', 'read', { method: 'HEAD' })).status, 200)
})

t.test('devices are created, renamed, pinged, rebooted and deleted; the sandbox sees none of it', async (t) => {
  const created = await ask('/devices', 'manage', json('POST', { name: 'Gate' }))
  t.equal(created.status, 201)
  const { id, ...rest }: Record<string, unknown> = JSON.parse(await created.text())
  t.same(rest, { name: 'Gate', status: 'online' })
  t.match(await (await ask(`/devices/${id}`, 'manage', json('PATCH', { name: 'Door' }))).json(), { id, name: 'Door' })
  t.match(await (await ask(`/devices/${id}/ping`, 'manage', { method: 'POST' })).json(), { name: 'Door', status: 'online' })
  t.match(await (await ask(`/devices/${id}/reboot`, 'manage', { method: 'POST' })).json(), { status: 'rebooting' })
  t.equal((await ask(`/devices/${id}`, 'sandbox')).status, 404)
  t.equal((await ask(`/devices/${id}`, 'other-workspace')).status, 404)
  t.equal((await ask(`/devices/${id}`, 'manage', { method: 'DELETE' })).status, 204)
  const rounds = collectRounds()
  for (const [path, init] of [['', {}], ['', { method: 'DELETE' }], ['', json('PATCH', { name: 'x' })], ['/ping', { method: 'POST' }], ['/reboot', { method: 'POST' }]] as const) {
    rounds.add((await ask(`/devices/${id}${path}`, 'manage', init)).status, 404)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('without a key: 401 and a challenge, for unknown paths too', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const path of ['/devices', '/nothing']) {
    const response = await ask(path)
    rounds.add(response.status, 401)
    rounds.add(response.headers.get('www-authenticate'), 'Bearer realm="api"')
    rounds.add(response.headers.get('cache-control'), 'no-store')
    patterns.add(await response.json(), { status: 401, code: 'CREDENTIAL_MISSING' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal((await ask('/nothing', 'read')).status, 404)
})

t.test('a key without the scope: 403 that says what is required and granted', async (t) => {
  const response = await ask('/devices/device_1', 'write', { method: 'DELETE' })
  t.equal(response.status, 403)
  t.equal(response.headers.get('www-authenticate'), 'Bearer realm="api", error="insufficient_scope", scope="devices:delete"')
  t.equal(response.headers.get('cache-control'), 'no-store')
  t.match(await response.json(), { code: 'INSUFFICIENT_SCOPE', required: [['devices:delete']], granted: ['devices:read', 'devices:write'] })
})

t.test('a body that does not fit: 400', async (t) => {
  t.equal((await ask('/devices', 'manage', json('POST', { name: '' }))).status, 400)
})

t.test('beyond the quota: 429 that says when to come back', async (t) => {
  const fresh = await serveFresh(t)
  const statuses: number[] = []
  for (let i = 0; i < 100; i++) statuses.push((await ask('/devices', 'read', {}, fresh)).status)
  t.same(new Set(statuses), new Set([200]))
  const refused = await ask('/devices', 'read', {}, fresh)
  t.equal(refused.status, 429)
  t.match(refused.headers.get('retry-after'), /^([1-9]|[1-5]\d|60)$/)
  t.match(refused.headers.get('ratelimit'), /^"production";r=0;t=\d+$/)
  t.equal(refused.headers.get('cache-control'), 'no-store')
  t.match(await refused.json(), { status: 429, code: 'RATE_LIMITED' })
  t.equal((await ask('/devices', 'sandbox', {}, fresh)).status, 200, 'another key is counted by itself')
})

t.test('an operation that costs ten uses the burst up ten times as fast', async (t) => {
  const fresh = await serveFresh(t)
  const statuses: number[] = []
  for (let i = 0; i < 11; i++) statuses.push((await ask('/devices/device_1/reboot', 'free', { method: 'POST' }, fresh)).status)
  t.same(statuses, [...Array(10).fill(200), 429])
})

t.test('a host of one environment turns the keys of others away', async (t) => {
  process.env.ENVIRONMENT = 'production'
  t.teardown(() => { delete process.env.ENVIRONMENT })
  const production = await serveFresh(t)
  t.equal((await ask('/devices', 'read', {}, production)).status, 200)
  const refused = await ask('/devices', 'sandbox', {}, production)
  t.equal(refused.status, 403)
  t.equal(refused.headers.get('cache-control'), 'no-store')
  t.match(await refused.json(), { code: 'WRONG_ENVIRONMENT', credentialEnvironment: 'sandbox', hostEnvironment: 'production' })
})

t.test('the document, the reference page and the table of scopes are public', async (t) => {
  const document = await ask('/openapi.json')
  t.equal(document.status, 200)
  t.match(document.headers.get('content-type'), /^application\/json/)
  t.match(await document.json(), {
    components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
    paths: { '/devices': { get: { description: 'Scopes: `devices:read`', security: [{ apiKey: ['devices:read'] }], responses: { 401: {}, 403: {}, 429: {}, 503: {} } } } }
  })
  const page = await ask('/docs/')
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), /^text\/html/)
  t.match(page.headers.get('content-security-policy'), /^default-src 'none'; script-src 'self' 'sha256-[^']+';/)
  t.match(await page.text(), '<script src="js/scalar.js">')
  const table = await ask('/scopes')
  t.match(table.headers.get('content-type'), /^text\/html/)
  t.match(await table.text(), '<td><code>devices:read</code></td><td><a href="/docs/#tag/devices/GET/devices">list</a>, ')
})

t.test('keys outlive the server, signals end it cleanly while connections are kept alive, and a folder in use is left alone', async (t) => {
  const folder = t.testdir()
  const environment = { LATCHKEY_DATA: folder }
  const first = await startExample(undefined, environment)
  t.teardown(() => first.stop('SIGKILL'))
  const issued = await ask('/api-keys', 'admin', json('POST', { name: 'report', scopes: ['devices:read'] }), first)
  t.equal(issued.status, 201)
  const { key, secret: text }: { key: { id: string }, secret: string } = JSON.parse(await issued.text())
  const beside = await startExample(undefined, environment)
  t.teardown(() => beside.stop('SIGKILL'))
  t.equal((await ask('/devices', 'report', {}, { ...beside, keys: { report: text } })).status, 401, 'it has keys of its own, in memory')
  t.equal((await ask('/devices', 'read', {}, beside)).status, 200)
  t.equal(await first.stop('SIGTERM'), 0)

  const second = await startExample(undefined, environment)
  t.teardown(() => second.stop('SIGKILL'))
  t.same(second.keys, first.keys, 'the demo keys are those of before')
  const report = { ...second, keys: { ...second.keys, report: text } }
  t.equal((await ask('/devices', 'report', {}, report)).status, 200)
  t.equal((await ask(`/api-keys/${key.id}/revoke`, 'admin', json('POST', {}), second)).status, 200)
  t.equal((await ask('/devices', 'report', {}, report)).status, 401)
  t.equal(await second.stop('SIGINT'), 0)
})

t.test('an unknown example, a bad PORT and a taken one are said in one line', async (t) => {
  const unknown = await runExample('nope')
  t.match(unknown, { code: 1, stdout: '', stderr: 'there is no example "nope"; npm start runs the devices API, npm start -- NAME one of read-write, resource-actions, company-tokens, tiers-oauth, key-types\n' })
  const bad = (port: string): string => `PORT must be a number from 0 (picks one) to 65535, not "${port}"`
  t.match(await runExample(undefined, { PORT: 'http' }), { code: 1, stdout: '', stderr: `${bad('http')}\n` })
  const ports = ['', '65536', '-1', '80.5']
  t.match(ports.map((port) => thrown(() => readPort(port))), ports.map((port) => ({ message: bad(port) })))
  t.equal(readPort('65535'), 65_535)
  const other = createServer()
  t.teardown(() => other.close())
  const PORT = await new Promise<string>((resolve) => other.listen(0, '127.0.0.1', () => {
    const address = other.address()
    resolve(String(typeof address === 'object' && address?.port))
  }))
  t.match(await runExample('read-write', { PORT, LOG_LEVEL: 'silent' }), { code: 1, stdout: '', stderr: /EADDRINUSE.*; PORT=0 picks a free port\n$/ })
})
