import t from 'tap'
import { root, run } from '../helpers/child.js'

t.test('the script lives a key’s whole life over HTTP, and shows each step of it but no secret', async (t) => {
  const { code, stdout, stderr } = await run([process.execPath, '--conditions=fastify-latchkey-source', '--import', 'tsx', 'examples/key-life.ts'], root, { LOG_LEVEL: 'silent' })
  t.equal(stderr, '')
  t.equal(code, 0)
  const lines = stdout.trimEnd().split('\n')
  t.same(lines.map((line) => line.slice(0, 12).trim()), ['issued', 'used', 'bounded', 'listed', 'rotated', 'old secret', 'new secret', 'grace over', 'new secret', 'revoked', 'refused'])
  t.match(lines, [
    /key_[\w-]+, which may devices:read; rotate it by \d{4}-/,
    /: 200$/,
    /: 403, This operation requires devices:write; the credential grants devices:read\.$/,
    /last used at \d{4}-.*, for devices:read$/,
    /works 2 s longer$/,
    /: 200, api-key-retires: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/,
    /: 200$/,
    /: 401, The API key was rotated; this is an earlier secret of it\.$/,
    /: 200$/,
    /within 0 s$/,
    /: 401, The API key was revoked\.$/
  ])
  t.notMatch(stdout, /acme_live_/)
})
