import t from 'tap'
import { NO_ROUTE, readAccess, type RouteAccess, type Security } from '../../lib/core/route-access.js'
import { createUsedScopes } from '../../lib/keys/verification/used-scopes.js'
import { collectRounds } from '../helpers/collect.js'
import { principal, scopes } from '../helpers/limits.js'

const rules = { undeclared: 'refuse', byMethod: () => undefined } as const
const route = (security: Security): RouteAccess => readAccess({ method: 'GET', url: '/' }, { security }, rules, false)

const usedScopes = createUsedScopes(scopes.expand, (scheme) => scheme === 'apiKey' || scheme === 'serviceKey')
const caller = (...scopes: string[]) => principal('key_1', { scopes: Object.freeze(scopes) })

t.test('what a request has used is what its route required of it', async (t) => {
  const rows: Array<[what: string, access: RouteAccess, granted: string[], used: string[]]> = [
    ['the only alternative', route([{ apiKey: ['devices:read'] }]), ['devices:manage'], ['devices:read']],
    ['the only one for keys', route([{ oauth: ['devices:write'] }, { apiKey: ['devices:read'] }]), ['devices:manage'], ['devices:read']],
    ['none for keys', route([{ oauth: ['devices:write'] }]), ['devices:manage'], []],
    ['any principal', route([{ apiKey: [] }]), ['devices:manage'], []],
    ['no principal needed', route([{ apiKey: ['devices:read'] }, {}]), ['devices:manage'], ['devices:read']],
    ['nothing needed', route([{}]), ['devices:manage'], []],
    ['no route', { ...NO_ROUTE }, ['devices:manage'], []],
    ['the first that is satisfied', route([{ apiKey: ['devices:delete'] }, { serviceKey: ['devices:read', 'deployments:read'] }, { apiKey: ['devices:read'] }]), ['devices:read', 'deployments:stage'], ['devices:read', 'deployments:read']],
    ['an implied one', route([{ apiKey: ['devices:delete'] }, { apiKey: ['devices:read'] }]), ['devices:manage'], ['devices:delete']],
    ['none that is satisfied', route([{ apiKey: ['devices:delete'] }, { apiKey: ['devices:read'] }]), ['deployments:read'], []],
  ]
  const rounds = collectRounds()
  for (const [what, access, granted, used] of rows) {
    const one = caller(...granted)
    rounds.add(usedScopes(access, one), used, what)
    rounds.add(usedScopes(access, one), usedScopes(access, one), 'the same list each time')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('routes that require the same share one list', async (t) => {
  const [one, other] = [route([{ apiKey: ['devices:read'] }]), route([{ apiKey: ['devices:read'] }])]
  t.equal(usedScopes(one, caller('devices:read')), usedScopes(other, caller('devices:manage')))
})
