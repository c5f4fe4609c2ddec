import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, type IssueInput, type KeyStore, type LatchkeyOptions, type Principal } from 'fastify-latchkey'
import { settingsPage, type SettingsPageOptions } from 'fastify-latchkey/console'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { keyRoutes, type KeyRoutesOptions } from 'fastify-latchkey/management'
import { fakeClock } from 'fastify-latchkey/testing'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Ending } from './ending.js'

export const scopes = defineScopes({
  resources: {
    devices: ['read', 'write', 'delete', 'manage'],
    reports: ['read', 'export'],
    webhooks: ['read', 'write', 'manage'],
    api_keys: ['read', 'write', 'manage']
  },
  implies: { 'reports:export': ['reports:read'] }
})

export const DAY = 86_400
const NOW = Date.UTC(2026, 11, 1, 9, 30)

interface SettingsOptions {
  readonly routes?: Partial<KeyRoutesOptions>
  readonly page?: Partial<SettingsPageOptions>
  readonly more?: (app: FastifyInstance) => void
  readonly access?: Pick<LatchkeyOptions, 'limits' | 'usage'>
}

function fail (): never {
  throw new Error('the store is down')
}

/** A person who may do everything. */
export const ada: Principal = {
  kind: 'access-token', id: 'user_ada', owner: 'Ada Okafor', workspace: 'northwind', environment: 'production', scopes: scopes.names
}

/** A host with a settings page whose clock a test moves, whose session it ends, and whose key store it breaks. */
export async function startSettings (t: Ending, { routes = {}, page = {}, more, access }: SettingsOptions = {}) {
  const clock = fakeClock(NOW)
  const host = { person: ada as Principal | null, isDown: false }
  const memory = createMemoryKeyStore()
  const store: KeyStore = {
    ...memory,
    get (workspace, id) { return host.isDown ? fail() : memory.get(workspace, id) },
    list (workspace, page) { return host.isDown ? fail() : memory.list(workspace, page) },
    insert (key, hash) { return host.isDown ? fail() : memory.insert(key, hash) },
    update (key, hash) { return host.isDown ? fail() : memory.update(key, hash) }
  }
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  await app.register(latchkey, {
    scopes, environment: ['production', 'sandbox'], limits: false, transport: allowPlainHttp, clock: clock.now, keys: { prefix: 'acme', store }, ...access
  })
  more?.(app)
  const session = () => host.person
  app.get('/devices', { schema: { ...scopes.secure('devices:read'), operationId: 'devices.list' } }, () => [])
  app.post('/devices', { schema: { ...scopes.secure('devices:write'), operationId: 'devices.create' } }, () => 'made')
  app.delete('/devices/:id', { schema: { ...scopes.secure('devices:delete'), operationId: 'devices.delete' } }, () => 'gone')
  app.get('/reports', { schema: { ...scopes.secure('reports:read'), operationId: 'reports.list' } }, () => [])
  app.get('/reports/export', { schema: { ...scopes.secure('reports:export'), operationId: 'reports.export' } }, () => '')
  await app.register(keyRoutes, {
    prefix: '/settings/api-keys',
    session,
    rotateEvery: 90 * DAY,
    environmentsOf: () => ['production', 'sandbox'],
    workspacesOf: () => [{ id: 'northwind', name: 'Northwind Traders' }, { id: 'contoso', name: 'Contoso' }],
    ...routes
  })
  await app.register(settingsPage, { prefix: '/settings', keys: '/settings/api-keys', session, ...page })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { keys } = app.latchkey

  return {
    app,
    store,
    url,
    clock,
    host,
    keys,
    issue: (input: Partial<IssueInput> = {}) => keys.issue({ workspace: 'northwind', scopes: ['devices:read'], owner: 'Ada Okafor', ...input }),
    inject: (secret: string, url = '/devices') => app.inject({ url, headers: { authorization: `Bearer ${secret}` } })
  }
}

export type Settings = Awaited<ReturnType<typeof startSettings>>

/** Opens the page in a window of its own, with what should not be: errors of the console, and requests to other hosts. */
export async function openSettings (browser: Browser, { url, clock }: Pick<Settings, 'url' | 'clock'>, options: BrowserContextOptions = {}, path = '/settings/') {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', permissions: ['clipboard-read', 'clipboard-write'], ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()) })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`)
  })
  await page.clock.setFixedTime(clock.now())
  await page.goto(url + path)
  const { keyboard } = page
  return {
    page,
    complaints,
    keyboard,
    row: (name: string) => page.getByRole('row').filter({ has: page.getByRole('button', { name: `Details: ${name}`, exact: true }) }),
    button: (name: string) => page.getByRole('button', { name, exact: true }),
    dialog: page.getByRole('dialog'),
    close: () => context.close()
  }
}

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds on a page as it is now, in both themes: rules of WCAG 2.2 AA and its best practices. */
export async function axeFaults (page: Page): Promise<string[]> {
  const faults: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.evaluate(axeSource)
    const found: string[] = await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target.flat().join(' '), failureSummary].join(': '))))`)
    faults.push(...found.map((fault) => `${colorScheme}: ${fault}`))
  }
  return faults
}
