import t from 'tap'
import { createFailureLog } from '../../lib/core/failure-log.js'
import { collectRounds } from '../helpers/collect.js'

function outage () {
  const lines: string[] = []
  return { lines, ...createFailureLog({ log: (reason, message) => lines.push(`${message}: ${reason}`), inform: (message) => lines.push(message) }, 'it fails', 'it works again') }
}

t.test('an outage is logged when it begins and when it is over, and not in between', async (t) => {
  const { lines, tried, lasts } = outage()
  const fails = async () => { throw new RangeError('a secret') }
  t.equal(await tried(async () => 1), 1)
  t.strictSame([lines, lasts()], [[], false])
  const rounds = collectRounds()
  for (let i = 0; i < 3; i++) rounds.add(await tried(fails), undefined)
  t.strictSame([lines, lasts()], [['it fails: RangeError'], true])
  for (let i = 0; i < 3; i++) rounds.add(await tried(async () => i), i)
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame([lines, lasts()], [['it fails: RangeError', 'it works again'], false])
  t.equal(await tried(fails), undefined)
  t.strictSame(lines, ['it fails: RangeError', 'it works again', 'it fails: RangeError'], 'the next one is another')
})

t.test('an outage of several parts is over when all of them work again', async (t) => {
  const { lines, failed, worked, lasts } = outage()
  worked('one')
  failed(new Error(), 'one')
  failed(new Error(), 'other')
  worked('one')
  worked('one')
  worked('third')
  t.strictSame([lines, lasts()], [['it fails: Error'], true])
  worked('other')
  t.strictSame([lines, lasts()], [['it fails: Error', 'it works again'], false])
})
