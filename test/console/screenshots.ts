// npm run screenshots: the states of the settings page, light and dark, wide and on a phone, into screenshots/.
import type { Page } from 'playwright-core'
import type { Ending } from '../helpers/ending.js'
import { takeScreenshots } from '../helpers/screenshots.js'
import { DAY, startSettings, type Settings } from '../helpers/settings.js'
import { webhookGallery } from './webhook-screenshots.js'

async function start (ending: Ending): Promise<Settings> {
  const made = await startSettings(ending, {
    page: { title: 'Northwind Traders · Settings', signOut: '/sign-out' }
  })
  await fill(made)
  return made
}

const click = async (page: Page, name: string) => await page.getByRole('button', { name, exact: true }).click()
const states: Readonly<Record<string, (page: Page, settings: Settings) => Promise<void>>> = {
  list: async () => {},
  details: async (page) => await click(page, 'Details: Warehouse scanner'),
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

/** Keys as a workspace has them after some months. */
async function fill ({ clock, keys, issue, store }: Settings): Promise<void> {
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
}
