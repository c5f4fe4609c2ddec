import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { isPublicAddress } from '../../lib/webhooks/address.js'
import { checkDestination, readDestination } from '../../lib/webhooks/destination.js'
import { createResolve, resolveLocally } from '../../lib/webhooks/resolve.js'
import { collectRounds } from '../helpers/collect.js'

t.test('addresses of the open internet are public, all others are not', async (t) => {
  const rounds = collectRounds()
  for (const address of ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '192.0.1.1', '2606:4700::1111', '2a00:1450::1', '2001:4860:4860::8888']) rounds.add(isPublicAddress(address), true, address)
  for (const address of [
    '0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.0.2.1',
    '192.88.99.1', '192.168.1.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255',
    '::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::1', '100::1',
    '2001::1', '2001:20::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '5f00::1', 'fc00::1', 'fd12::1', 'fe80::1', 'fe80::1%eth0', '2606:4700::1111%eth0', 'fec0::1', 'ff02::1',
    'localhost', '2130706433', '0x7f.1', '127.1', ''
  ]) rounds.add(isPublicAddress(address), false, address)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('URLs are refused that are not plain https: URLs of public hosts, however they spell it', async (t) => {
  const fault = (url: string, anywhere = false) => {
    const read = readDestination(url, anywhere)
    return 'fault' in read ? read.fault : read.url.href
  }
  const rounds = collectRounds()
  for (const [url, expected] of [
    ['https://example.com/hooks?x=1', 'https://example.com/hooks?x=1'],
    ['HTTPS://EXAMPLE.com:443', 'https://example.com/'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://[2606:4700::1111]/', 'https://[2606:4700::1111]/'],
    ['http://example.com/', 'must begin with https:'],
    ['ftp://example.com/', 'must begin with https:'],
    ['javascript:alert(1)', 'must begin with https:'],
    ['https://user@example.com/', 'must have no user name and no password'],
    ['https://:password@example.com/', 'must have no user name and no password'],
    ['https://example.com/#part', 'must have no fragment'],
    ['https://example.com/#', 'must have no fragment'],
    ['https://example.com:8443/', 'must name no port: deliveries go to 443'],
    ['https://example.com:22/', 'must name no port: deliveries go to 443'],
    ...['https://exam\tple.com/', 'https://example.com/\n', ' https://example.com/', 'https:\\\\example.com\\', 'example.com', '', 'https://', `https://example.com/${'x'.repeat(2048)}`]
      .map((url) => [url, 'must be an absolute URL of at most 2048 characters']),
    ...['127.0.0.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.1', '0', '10.1', '3232235777', '169.254.169.254', '[::1]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '[fd00::1]', '１２７.0.0.1', '127.0.0.1.']
      .map((host) => [`https://${host}/`, 'must lead to a public address'])
  ]) rounds.add(fault(String(url)), expected, String(url))
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(fault('http://127.0.0.1:8080/x', true), 'http://127.0.0.1:8080/x')
  t.equal(fault('file:///etc/passwd', true), 'must begin with https:')
  t.equal(fault('http://a@127.0.0.1/', true), 'must have no user name and no password')
})

t.test('a name must have addresses, all of them public', async (t) => {
  const of = async (addresses: readonly string[] | Error, url = 'https://example.com/') => await checkDestination(url, { anywhere: false, resolve: async () => { if (addresses instanceof Error) throw addresses; return addresses } })
  t.match(await of(['8.8.8.8', '2606:4700::1111']), { url: { href: 'https://example.com/' } })
  t.match(await of(['127.0.0.1'], 'https://8.8.8.8/'), { url: { href: 'https://8.8.8.8/' } }, 'an address is not looked up')
  t.strictSame(await of(['8.8.8.8', '10.0.0.1']), { fault: 'must lead to a public address' })
  t.strictSame(await of(['::ffff:10.0.0.1']), { fault: 'must lead to a public address' })
  t.strictSame(await of([]), { fault: 'must lead to a public address' })
  t.strictSame(await of(new Error('no')), { fault: 'names a host that can\'t be found' })
  t.strictSame(await of(['8.8.8.8'], 'https://example.com:1/'), { fault: 'must name no port: deliveries go to 443' })
  t.match(await checkDestination('http://localhost:1/', { anywhere: true, resolve: async () => [] }), { url: { href: 'http://localhost:1/' } })
})

/** A name server that knows a.test, whose IPv4 address is 192.0.2.7, and nothing else. */
async function startNames (t: { teardown (work: () => unknown): void }): Promise<string> {
  const server = dgram.createSocket('udp4')
  server.on('message', (query, { port, address }) => {
    const question = query.subarray(12)
    const type = question.readUInt16BE(question.indexOf(0) + 1)
    const known = question.subarray(0, 8).toString('latin1') === '\u0001a\u0004test\u0000' && type === 1
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, known || type === 28 ? 0x80 : 0x83, 0, 1, 0, known ? 1 : 0, 0, 0, 0, 0])
    const end = question.subarray(0, question.indexOf(0) + 5)
    server.send(Buffer.concat([header, end, ...known ? [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7])] : []]), port, address)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return `127.0.0.1:${server.address().port}`
}

t.test('names are resolved by name servers; a name without addresses is an error', async (t) => {
  const resolve = createResolve([await startNames(t)])
  t.strictSame(await resolve('a.test'), ['192.0.2.7'])
  await t.rejects(resolve('b.test'), { message: 'the name has no address, or no name server answers' })
  t.equal(typeof createResolve(), 'function')
  t.ok((await resolveLocally('localhost')).length > 0)
})
