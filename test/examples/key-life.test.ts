import { join } from 'node:path'
import t from 'tap'
import { root, run } from '../helpers/child.js'

t.test('the example lives a key\'s whole life over HTTP, and ends', async (t) => {
  const { code, stdout, stderr } = await run([process.execPath, join(root, '.build/examples/key-life.js')], root, { LOG_LEVEL: 'silent' })
  t.equal(code, 0)
  t.equal(stderr, '')
  const lines = stdout.trimEnd().split('\n').map((line) => line.replace(/\d{4}-\d\d-\d\d/g, 'DATE'))
  const isEvent = (line: string): boolean => line.startsWith('      event ')
  t.same(lines.filter(isEvent), [
    '      event key.issued of administrator, by the host',
    '      event key.issued of nightly, by the administrator',
    '      event key.updated of nightly import, by the administrator',
    '      event key.rotated of nightly import, by the administrator',
    '      event key.revoked of nightly import, by the administrator'
  ])
  t.same(lines.filter((line) => !isEvent(line)), [
    '201   create a key that may read',
    '403   but none that may do more than its creator: INSUFFICIENT_SCOPE, The key holds devices:write; the credential that manages it grants devices:read, api_keys:manage.',
    '200   use it',
    '403   it manages no keys: INSUFFICIENT_SCOPE, This operation requires api_keys:read; the credential grants devices:read.',
    '200   change it',
    '200   rotate it, with 2 s of grace',
    '200   the new secret',
    '200   the earlier one',
    '401   the earlier one after its grace: CREDENTIAL_INVALID, The API key was rotated; this is an earlier secret of it.',
    '409   rotate the version that it was at first: KEY_CONFLICT, The key is at version 3, not 1.',
    '200   revoke it',
    '401   the new secret: CREDENTIAL_INVALID, The API key was revoked.',
    '409   rotate what is revoked: KEY_CONFLICT, The key was revoked.',
    '      revoked: the import has moved; a secret of DATE was to be rotated by DATE'
  ])
})
