// npm run screenshots: the states of the settings page, light and dark, wide and on a phone, into screenshots/.
import type { ApiKey } from 'fastify-latchkey/keys'
import type { Page } from 'playwright-core'
import type { Ending } from '../helpers/ending.js'
import { takeScreenshots } from '../helpers/screenshots.js'
import { DAY, startSettings, type Settings } from '../helpers/settings.js'
import { usageCounts } from '../helpers/usage-counts.js'
import { webhookGallery } from './webhook-screenshots.js'

async function start (ending: Ending): Promise<Settings> {
  const counts = usageCounts()
  const made = await startSettings(ending, {
    page: { title: 'Northwind Traders · Settings', signOut: '/sign-out' },
    access: { usage: { store: counts.store }, limits: { environments: { production: [{ name: 'hour', quota: 100, window: 3600 }, { name: 'day', quota: 2000, window: DAY }], sandbox: [] } } }
  })
  for (const [key, perHour, outcomes] of await fill(made)) counts.add(made.clock.now(), key, hoursOf(perHour, outcomes))
  return made
}

const click = async (page: Page, name: string) => await page.getByRole('button', { name, exact: true }).click()
const states: Readonly<Record<string, (page: Page, settings: Settings) => Promise<void>>> = {
  list: async () => {},
  details: async (page) => await click(page, 'Details: Warehouse scanner'),
  usage: async (page) => {
    await click(page, 'Details: CI deployments')
    await click(page, '7 days')
    await page.getByRole('img', { name: 'admitted' }).scrollIntoViewIfNeeded()
  },
  create: async (page) => {
    await click(page, 'Create key')
    await page.getByRole('textbox', { name: 'Name' }).fill('Nightly report')
    await page.getByRole('checkbox', { name: /^devices:manage/ }).check()
    await page.getByRole('checkbox', { name: /^reports:read/ }).check()
  },
  secret: async (page, settings) => {
    await states.create?.(page, settings)
    await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
    await page.getByRole('button', { name: 'Copy', exact: true }).click()
  },
  rotate: async (page) => await click(page, 'Rotate Partner portal'),
  revoke: async (page) => {
    await click(page, 'Revoke Partner portal')
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click()
  },
  ended: async (page) => await click(page, 'Revoked and expired'),
  outage: async (page, settings) => {
    settings.host.isDown = true
    await page.getByLabel('Environment').selectOption('sandbox')
    await page.getByRole('alert').waitFor()
    settings.host.isDown = false
  }
}

const only = process.argv.slice(2)
await takeScreenshots({ start, path: '/settings/', ready: 'Details: CI deployments', states }, only)
await takeScreenshots(webhookGallery, only)

type Used = readonly [key: ApiKey, perHour: number, outcomes: readonly string[]]

/** A month of requests that come by day more than by night, some of them refused. */
function hoursOf (perHour: number, outcomes: readonly string[]): ReadonlyArray<readonly [number, string, number]> {
  return Array.from({ length: 30 * 24 }, (_, i) => i).flatMap((hoursAgo) => {
    const noise = Math.abs(Math.sin(hoursAgo * 12.9898) * 43758.5453) % 1
    const daytime = 1 + Math.sin((9 - hoursAgo) / 24 * 2 * Math.PI)
    const refused = noise > 0.93 ? [[hoursAgo, outcomes[hoursAgo % outcomes.length] ?? '', Math.ceil(noise * 9)] as const] : []
    return [[hoursAgo, 'ADMITTED', Math.round(perHour * daytime * (0.5 + noise))] as const, ...refused]
  }).filter(([,, requests]) => requests > 0)
}

/** Keys as a workspace has them after some months, and how they are used. */
async function fill ({ clock, keys, issue, store }: Settings): Promise<readonly Used[]> {
  clock.advance(-120 * DAY)
  const old = await issue({ name: 'Legacy importer', scopes: ['devices:write'] })
  const warehouse = await issue({ name: 'Warehouse scanner', scopes: ['devices:manage', 'reports:read', 'webhooks:read', 'webhooks:write'], metadata: { team: 'Logistics', ticket: 'OPS-1841' } })
  clock.advance(30 * DAY)
  const trial = await issue({ name: 'Trial of the mobile app', scopes: ['devices:read'], expiresAt: new Date(clock.now() + 30 * DAY * 1000) })
  clock.advance(50 * DAY)
  await keys.revoke('northwind', old.key.id, { reason: 'Replaced by the warehouse scanner' })
  const portal = await issue({ name: 'Partner portal', scopes: ['devices:read', 'reports:export'], expiresAt: new Date(clock.now() + 44 * DAY * 1000) })
  clock.advance(39 * DAY)
  const ci = await issue({ name: 'CI deployments', scopes: ['devices:write', 'devices:read'] })
  await issue({ name: 'Board dashboard', scopes: ['reports:read'], expiresAt: new Date(clock.now() + 365 * DAY * 1000) })
  clock.advance(0.9 * DAY)
  await keys.rotate('northwind', ci.key.id, { grace: 3 * DAY })
  clock.advance(0.1 * DAY)
  for (const [{ key }, ago, used] of [[warehouse, 65, ['devices:read', 'devices:write']], [portal, 240, portal.key.scopes], [ci, 3 * DAY, ['devices:write']], [trial, 70 * DAY, trial.key.scopes]] as const) {
    const at = new Date(clock.now() - ago * 1000)
    await store.recordUse([{ workspace: key.workspace, id: key.id, lastUsedAt: at, scopesUsedAt: Object.fromEntries(used.map((scope) => [scope, at])) }])
  }
  return [[warehouse.key, 30, ['RATE_LIMITED', 'INSUFFICIENT_SCOPE']], [portal.key, 4, ['COST_ABOVE_QUOTA']], [ci.key, 36, ['RATE_LIMITED', 'RATE_LIMITED', 'INSUFFICIENT_SCOPE', 'WRONG_ENVIRONMENT']]]
}
