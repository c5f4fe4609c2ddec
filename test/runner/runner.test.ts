import { join } from 'node:path'
import t from 'tap'
import { root } from '../helpers/child.js'
import { countTests } from './count-tests.js'
import { groupFiles } from './groups.js'
import { helpersOf } from './needs.js'
import { describeLeft, planFiles } from './plan.js'
import type { Service } from './services.js'
import { toSourcePositions } from './source-positions.js'

const counted = (...lines: readonly string[]) => countTests(['TAP version 14', ...lines, ''].join('\n'))

t.test('tests are counted, not their assertions, and a test with others inside is those', async (t) => {
  const inner = ['# Subtest: a', '    ok 1 - one', '    ok 2 - two', '    1..2', 'ok 1 - a']
  t.same(counted(...inner, '1..1'), { passed: 1, failed: 0 })
  const nested = ['# Subtest: b', ...inner.map((line) => `    ${line}`), '    # Subtest: c', '        ok 1 - one', '        1..1', '    ok 2 - c', '    1..2', 'ok 2 - b']
  t.same(counted(...inner, ...nested, '1..2'), { passed: 3, failed: 0 })
  t.same(counted('# Subtest: a', '    1..0', 'ok 1 - a', '1..1'), { passed: 1, failed: 0 }, 'nothing was thrown')
  t.same(counted('ok 1 - one', 'ok 2 - two', '1..2'), { passed: 1, failed: 0 }, 'a file without tests inside is one')
})

t.test('what fails, is skipped, is to do, or never ended has failed', async (t) => {
  const test = (line: string) => counted('# Subtest: a', `    ${line}`, '    1..1', line.startsWith('not') ? 'not ok 1 - a' : 'ok 1 - a', '1..1')
  t.same(test('not ok 1 - one'), { passed: 0, failed: 1 })
  t.same(test('ok 1 - one # SKIP no Redis'), { passed: 0, failed: 1 })
  t.same(test('ok 1 - one # TODO'), { passed: 0, failed: 1 })
  t.same(counted('# Subtest: a', '    ok 1 - one', '    1..1', 'ok 1 - a', 'ok 2 - b # SKIP', '1..2'), { passed: 1, failed: 1 })
  t.same(counted('# Subtest: a', '    ok 1 - one', '    1..1', 'ok 1 - a', 'not ok 2 - its own', '1..2'), { passed: 1, failed: 1 })
  t.same(counted('# Subtest: a', '    ok 1 - one'), { passed: 0, failed: 1 })
  t.same(countTests(''), { passed: 0, failed: 1 })
})

const compiled = (file: string) => join(root, '.build/test', file)

t.test('what a file needs follows from what it imports, through other helpers too', async (t) => {
  t.ok(helpersOf(compiled('contracts/read-write-redis.test.js')).has('redis-server'))
  t.ok(helpersOf(compiled('limits-redis/cluster.test.js')).has('redis-server'), 'by redis-fleets')
  t.notOk(helpersOf(compiled('core/address.test.js')).has('redis-server'))
})

t.test('groups that a machine can not run are named with what they lack, and with the command that brings it', async (t) => {
  const service = (name: string, helper: string, ...missing: string[]): Service =>
    ({ name, helper, missing: () => missing, debian: [], fedora: [], macos: [] })
  const files = ['core/address.test.js', 'limits-redis/cluster.test.js', 'stores/postgres-bouncer.test.js'].map(compiled)
  const { files: left, left: groups } = planFiles(files, [
    service('Redis', 'redis-server', 'redis-server', 'pkill'), service('Postgres', 'postgres'), service('wrk', 'none', 'wrk')
  ])
  t.same(left, [files[0], files[2]])
  t.same(describeLeft(groups), [
    '',
    'Not run on this machine:',
    '  Redis: 1 file without redis-server, pkill',
    'This installs what is missing, and runs everything: npm run test:services',
    ''
  ])
  t.same(describeLeft(planFiles(files, []).left), [])
})

t.test('files that start nothing share a process with their neighbours, at most twelve; others have one each', async (t) => {
  const [cluster = '', ...quick] = ['limits-redis/cluster.test.js', 'core/address.test.js', 'scopes/guard.test.js', 'core/options.test.js'].map(compiled)
  t.same(groupFiles([cluster, ...quick]), [[cluster], [quick[0], quick[2]], [quick[1]]])
  t.same(groupFiles([compiled('rfc/rfc6750.test.js'), compiled('rfc/rfc8725.test.js')]).length, 2, 'one holds a server for all its tests')
  t.same(groupFiles(Array<string>(25).fill(quick[0] ?? '')).map((group) => group.length), [12, 12, 1])
})

t.test('where a test failed is said by its source', async (t) => {
  const stack = new Error('here').stack ?? ''
  t.match(stack, /\.build\/test\/runner\/runner\.test\.js:\d+/)
  t.match(toSourcePositions(stack), /[ (]test\/runner\/runner\.test\.ts:\d+:\d+/)
  t.notMatch(toSourcePositions(stack), /\.build\//)
  t.equal(toSourcePositions('at .build/none.js:1:1'), 'at .build/none.js:1:1')
})
