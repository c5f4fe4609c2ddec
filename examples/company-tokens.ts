import Fastify, { type FastifyRequest } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, notFound, principalOf, refusals, serverOptions, type Principal, type RefusalCode, type Renderer } from 'fastify-latchkey'
import { settingsPage } from 'fastify-latchkey/console'
import { keyRoutes } from 'fastify-latchkey/management'
import { issueKeys, logger as stderr, type BuildOptions, type Example } from './base.js'
import { createTable, type ById, type Fields } from './records.js'
import { demoSignIn } from './sign-in.js'

/** Read views, Write creates and updates as well, Admin has full access. */
const scopes = defineScopes({ levels: ['Read', 'Write', 'Admin'], methods: { DELETE: 'Admin' } })

/** Missing or invalid is the same to whoever calls, and so is every lack of permission. */
const details = new Map<RefusalCode, string>([
  ['CREDENTIAL_INVALID', refusals.CREDENTIAL_MISSING.message],
  ['INSUFFICIENT_SCOPE', 'You do not have permission to perform this action.']
])
const errors: Renderer = ({ code, message }) => ({ body: { detail: details.get(code) ?? message } })

export type Role = typeof scopes.names[number]

/** E-mail address → company → what that person may do there. */
export type People = Map<string, Map<string, Role>>

const everybody = (): People => new Map<string, Map<string, Role>>([
  ['ada@acme.example', new Map([['acme', 'Admin'], ['globex', 'Write']])],
  ['bob@acme.example', new Map([['acme', 'Read']])]
])

export interface CompanyTokensOptions extends BuildOptions {
  /** Who may do what now; asked again while their tokens live. */
  readonly people?: People
}

export async function build ({ clock, logger = stderr, people = everybody() }: CompanyTokensOptions = {}): Promise<Example> {
  const roleOf = (person: string, company: string) => people.get(person)?.get(company)
  const companiesOf = (person = '') => [...people.get(person)?.keys() ?? []]

  const app = Fastify(serverOptions({ logger }))
  await app.register(latchkey, {
    scopes,
    keys: {
      prefix: 'sk',
      tags: { live: 'production', test: 'development' },
      permissionsOf (owner, company) {
        const role = roleOf(owner, company)
        return role && [role]
      },
      permissionsMaxAge: 10
    },
    environment: 'production',
    limits: false,
    errors,
    transport: allowPlainHttp,
    clock
  })
  app.setNotFoundHandler(notFound)

  app.get('/api/accounts/user-config/', (request) => {
    const { owner, workspace, scopes } = principalOf(request)
    return { user: owner, company: workspace, permissions: scopes }
  })
  for (const url of ['/accounts/workspaces/', '/api/accounts/workspaces/']) {
    app.get(url, (request) => {
      const { owner, workspace } = principalOf(request)
      return companiesOf(owner).map((company) => ({ company, current: company === workspace }))
    })
  }
  await app.register(keyRoutes, {
    prefix: '/api/accounts/tokens',
    scopes: { read: 'Read', write: 'Write', manage: 'Admin' },
    rotateEvery: 90 * 86_400,
    /** A token of one company manages those of another where its owner may do there all that it may do here. */
    workspacesOf: ({ owner = '', scopes }) => companiesOf(owner).filter((company) => app.latchkey.keys.grants({ scopes: [roleOf(owner, company) ?? ''] }, scopes))
  })

  const byCookie = demoSignIn(app, new Map([...people.keys()].map((owner, i) => [`demo-${i + 1}`, { owner }])), 'settings/')

  /** A person has another role in each company, so the session answers for the company that the page asks for. */
  function whoIsSignedIn (request: FastifyRequest): Principal | null {
    const { owner } = byCookie(request) ?? {}
    const companies = companiesOf(owner)
    const query = new URL(request.url, 'http://localhost').searchParams
    const asked = companies.find((company) => company === query.get('workspace'))
    const workspace = asked ?? companies[0]
    const role = owner !== undefined && workspace !== undefined && roleOf(owner, workspace)
    return role ? { kind: 'access-token', id: owner, owner, workspace, environment: 'production', scopes: [role] } : null
  }
  await app.register(keyRoutes, {
    prefix: '/settings/api-tokens',
    session: whoIsSignedIn,
    /** Everybody may have tokens: of no more than the own role. */
    scopes: { read: 'Read', write: 'Read', manage: 'Read' },
    rotateEvery: 90 * 86_400,
    workspacesOf: ({ owner }) => companiesOf(owner),
    environmentsOf: () => ['production', 'development']
  })
  await app.register(settingsPage, {
    prefix: '/settings',
    title: 'Settings → API Tokens',
    keys: '/settings/api-tokens',
    session: whoIsSignedIn,
    signIn: '/sign-in',
    signOut: '/sign-out',
    strings: {
      title: 'API Tokens',
      intro: 'Treat your API tokens like passwords: never share them, or commit them to version control.',
      create: 'Generate New Token',
      createTitle: 'Generate a new token',
      workspace: 'Company',
      emptyTitle: 'No tokens yet',
      secretTitle: 'Copy and securely store your token'
    }
  })

  const orders = createTable('order', { acme: [{ id: 'order_1', supplier: 'Mill' }], globex: [{ id: 'order_2', supplier: 'Yard' }] })
  const users = createTable('user', { acme: [{ id: 'user_1', name: 'Ada' }], globex: [{ id: 'user_2', name: 'Bela' }] })
  const manageUsers = { schema: scopes.secure('Admin') }

  for (const [path, table, change] of [['orders', orders, {}], ['accounts/users', users, manageUsers]] as const) {
    app.get(`/api/${path}/`, (request) => table.list(request))
    app.get<ById>(`/api/${path}/:id/`, (request, reply) => table.get(request, request.params.id) ?? notFound(request, reply))
    app.post<{ Body: Fields }>(`/api/${path}/`, change, (request, reply) => reply.code(201).send(table.add(request, request.body)))
    app.patch<ById & { Body: Fields }>(`/api/${path}/:id/`, change, (request, reply) =>
      table.change(request, request.params.id, request.body) ?? notFound(request, reply))
    app.delete<ById>(`/api/${path}/:id/`, change, (request, reply) => table.remove(request, request.params.id) ?? notFound(request, reply))
  }

  return {
    title: 'Tokens of a company: Read, Write and Admin, valid until revoked',
    app,
    settings: '/settings/',
    keys: await issueKeys(app, {
      read: { workspace: 'acme', scopes: ['Read'], owner: 'ada@acme.example' },
      write: { workspace: 'acme', scopes: ['Write'], owner: 'ada@acme.example' },
      admin: { workspace: 'acme', scopes: ['Admin'], owner: 'ada@acme.example' },
      'other-company': { workspace: 'globex', scopes: ['Read'], owner: 'ada@acme.example' },
      development: { workspace: 'acme', scopes: ['Admin'], owner: 'ada@acme.example', environment: 'development' }
    }),
    tries: [
      { shows: 'who a token speaks for', key: 'read', path: '/api/accounts/user-config/' },
      { shows: 'a Read token views orders', key: 'read', path: '/api/orders/' },
      { shows: 'and does not create them: 403', key: 'read', method: 'POST', path: '/api/orders/', body: { supplier: 'Dock' } },
      { shows: 'a Write token does', key: 'write', method: 'POST', path: '/api/orders/', body: { supplier: 'Dock' } },
      { shows: 'users are managed with an Admin token', key: 'admin', method: 'POST', path: '/api/accounts/users/', body: { name: 'Cleo' } },
      { shows: 'no token: 401', path: '/api/orders/' },
      { shows: 'each token belongs to one company of its owner', key: 'other-company', path: '/accounts/workspaces/' },
      { shows: 'another token, never with more than its owner may do', key: 'write', method: 'POST', path: '/api/accounts/tokens', body: { scopes: ['Read'] } },
      { shows: 'and the list of tokens, each with the day by which to rotate it', key: 'read', path: '/api/accounts/tokens' },
      { shows: 'a token for development is refused in production: 403', key: 'development', path: '/api/orders/' }
    ]
  }
}
