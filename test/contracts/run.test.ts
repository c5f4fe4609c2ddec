import t from 'tap'
import { startExample } from '../helpers/example.js'

/** What each example must let in and keep out, with the names of its demo keys. */
const examples = {
  'read-write': {
    keys: ['read', 'write', 'sandbox-read', 'sandbox-write', 'other-workspace'],
    served: ['read', 'GET', '/devices', 200],
    refused: ['read', 'DELETE', '/devices/device_1', 403, { error: 'INSUFFICIENT_SCOPE' }]
  },
  'resource-actions': {
    keys: ['read', 'write', 'provision', 'stage', 'manage', 'none'],
    served: ['read', 'GET', '/v1/devices', 200],
    refused: ['write', 'GET', '/v1/devices', 403, { code: 'INSUFFICIENT_SCOPE' }]
  },
  'company-tokens': {
    keys: ['read', 'write', 'admin', 'other-company', 'development'],
    served: ['read', 'GET', '/api/orders/', 200],
    refused: ['read', 'DELETE', '/api/orders/order_1/', 403, { detail: 'You do not have permission to perform this action.' }]
  },
  'tiers-oauth': {
    keys: ['free-read', 'free', 'pro', 'enterprise', 'enterprise-custom', 'automation'],
    served: ['pro', 'GET', '/v1/resources', 200],
    refused: ['free-read', 'DELETE', '/v1/resources/resource_1', 403, { code: 'INSUFFICIENT_SCOPE' }]
  },
  'key-types': {
    keys: ['read-only', 'read-write', 'staging-read-write', 'other-workspace'],
    served: ['read-only', 'GET', '/v1/workspace', 200],
    refused: ['read-only', 'POST', '/v1/actions/action_1/approve', 403, { error: 'forbidden', message: 'This operation requires a read-write key' }]
  }
} as const

/** What a printed line of curl asks for. */
function readCurl (line: string): { url: string, init: RequestInit } {
  const words = (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'|'$/g, ''))
  const after = (option: string) => words.filter((_, i) => words[i - 1] === option)
  const body = after('-d')[0]
  const headers = after('-H').map((header): [string, string] => {
    const at = header.indexOf(': ')
    return [header.slice(0, at), header.slice(at + 2)]
  })
  return {
    url: words.find((word) => word.startsWith('http')) ?? '',
    init: { method: after('-X')[0] ?? (body === undefined ? 'GET' : 'POST'), headers, ...body !== undefined && { body } }
  }
}

for (const [name, { keys: names, served, refused }] of Object.entries(examples)) {
  t.test(`npm start -- ${name} listens, prints requests to copy and a line of JSON last`, async (t) => {
    const example = await startExample(name)
    t.teardown(() => example.stop('SIGKILL'))
    const { url: listening, keys, shown } = example
    t.match(listening, /^http:\/\/127\.0\.0\.1:\d+$/)
    t.strictSame(Object.keys(keys), names)

    const send = async ([key, method, path]: readonly [string, string, string, ...unknown[]]) =>
      await fetch(listening + path, { method, headers: { authorization: `Bearer ${keys[key]}`, 'x-forwarded-proto': 'https' } })
    t.equal((await send(served)).status, served[3], 'a request that succeeds')
    const refusal = await send(refused)
    t.equal(refusal.status, refused[3], 'one that is refused')
    t.match(await refusal.json(), refused[4])

    const printed = shown.split('\n')
    const curls = printed.flatMap((line, i) => line.startsWith('curl ') ? [{ line, shows: printed[i - 1] ?? '' }] : [])
    t.ok(curls.length >= 5, 'there is something to copy')
    const wrong: string[] = []
    for (const { line, shows } of curls) {
      const { url, init } = readCurl(line)
      const { status } = await fetch(url, init)
      const promised = /: (\d{3})$/.exec(shows)?.[1]
      const right = promised === undefined ? status >= 200 && status < 300 : status === Number(promised)
      if (!right) wrong.push(`${shows}: got ${status}`)
    }
    t.same(wrong, [], 'what is printed is what comes')

    t.equal(await example.stop(), 0, 'and it ends when told')
    const errors = example.errors()
    t.same(Object.values(keys).filter((secret) => errors.includes(secret.slice(-49))), [], 'no key on stderr')
  })
}
