import t from 'tap'
import { AccessError } from 'fastify-latchkey'
import { describeFault } from '../../lib/core/errors.js'

t.test('of a fault its name and code are told, where they are words', async (t) => {
  t.equal(describeFault(new TypeError('secret')), 'TypeError')
  t.equal(describeFault(Object.assign(new Error('secret'), { name: 'ReplyError', code: 'OOM' })), 'ReplyError OOM')
  t.equal(describeFault(Object.assign(new Error('secret'), { code: '23505', detail: 'secret' })), 'Error 23505')
  t.equal(describeFault(Object.assign(new Error(''), { name: 'the secret', code: 'a-secret' })), 'Error')
  t.equal(describeFault(Object.assign(new Error(''), { name: 'S'.repeat(41), code: 'S'.repeat(41) })), 'Error')
  t.equal(describeFault(Object.assign(new Error(''), { code: 7 })), 'Error')
})

t.test('of what is no error only the kind is told', async (t) => {
  t.equal(describeFault('secret'), 'a thrown string')
  t.equal(describeFault(undefined), 'a thrown undefined')
  t.equal(describeFault(null), 'a thrown null')
  t.equal(describeFault({ message: 'secret' }), 'a thrown object')
})

t.test('a fault that throws when it is looked at is told of too', async (t) => {
  const trap = Object.defineProperty(new Error(''), 'code', { get () { throw new Error('secret') } })
  t.equal(describeFault(trap), 'something thrown that can\'t be read')
  t.equal(describeFault(new Proxy({}, { getPrototypeOf () { throw new Error('secret') } })), 'something thrown that can\'t be read')
})

t.test('the reason of a refusal is scrubbed where it is made, whoever prints it', async (t) => {
  t.equal(new AccessError('CREDENTIAL_INVALID', { reason: 'GET /x?token=secret failed' }).reason, 'GET /x?… failed')
  t.equal(new AccessError('CREDENTIAL_INVALID').reason, undefined)
})
