import t from 'tap'
import { withoutPort } from '../../lib/core/address.js'
import { collectRounds } from '../helpers/collect.js'

t.test('a port is cut off every form of an address', async (t) => {
  const rounds = collectRounds()
  for (const [address, forms] of [
    ['203.0.113.7', ['203.0.113.7', '203.0.113.7:1', '203.0.113.7:65535', '203.0.113.7:', '[203.0.113.7]:80', '[203.0.113.7]']],
    ['2001:db8::1', ['2001:db8::1', '[2001:db8::1]', '[2001:db8::1]:443', '[2001:db8::1]:']],
    ['::ffff:203.0.113.7', ['::ffff:203.0.113.7', '::ffff:203.0.113.7:80', '[::ffff:203.0.113.7]:80']],
    ['fe80::1%eth0', ['fe80::1%eth0', '[fe80::1%eth0]:80']],
    ['unknown', ['unknown', 'unknown:1']], ['_hidden', ['_hidden', '_hidden:80']], ['', ['', ':80', '[]:80']],
    ['2001:db8:::1', ['2001:db8:::1']], ['a:b:1', ['a:b:1']], ['[x', ['[x']], ['1.2.3.4:x', ['1.2.3.4:x']]
  ] as const) rounds.add(forms.map(withoutPort), forms.map(() => address))
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('long hostile text takes linear time', async (t) => {
  const rounds = collectRounds()
  for (const unit of ['1', '.1', ':', '1:', '.1:', '[', '[]', ']:']) {
    const start = performance.now()
    withoutPort(unit.repeat(100_000))
    rounds.add(performance.now() - start < 500, true, unit)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
