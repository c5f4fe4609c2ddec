import t from 'tap'
import { missing, type Release } from './missing.js'

const ready: Release = {
  manifest: { version: '1.2.3', repository: { type: 'git', url: 'git+https://forge.example/acme/latchkey.git' } },
  changelog: '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n- A line.\n',
  security: 'Write to security@example.com.',
  tag: 'v1.2.3'
}

t.test('a release that has all is ready, with and without its tag', async (t) => {
  t.same(missing(ready), [])
  const { tag: _none, ...untagged } = ready
  t.same(missing(untagged), [])
})

t.test('what is missing is said, with what to write', async (t) => {
  const said = (change: Partial<Release>) => missing({ ...ready, ...change }).join('\n')
  t.match(said({ manifest: { version: '1.2.3' } }), 'package.json has no repository: write { "type": "git"')
  t.match(said({ security: '**[address: to be filled in by the owner]**' }), 'SECURITY.md: fill in the address')
  t.match(said({ changelog: ready.changelog.replace(' - 2026-12-01', '') }), 'has no heading "## [1.2.3] - YYYY-MM-DD"')
  t.match(said({ changelog: ready.changelog.replace('[Unreleased]\n', '[Unreleased]\n- Later.\n') }), 'move what is below "Unreleased"')
  t.equal(said({ tag: 'v1.2.4' }), 'the tag is v1.2.4, and package.json has version 1.2.3: they must agree')
})
