import type { Attempt, Delivery } from 'fastify-latchkey/webhooks'
import type { Gallery } from '../helpers/screenshots.js'
import { DAY } from '../helpers/settings.js'
import { startWebhookSettings, type WebhookSettings } from '../helpers/webhook-settings.js'

const click = async (page: Parameters<Gallery<WebhookSettings>['states'][string]>[0], name: string) => await page.getByRole('button', { name, exact: true }).click()
const OPEN = 'Details: https://hooks.northwind.example/latchkey'

/** The tab of webhooks. */
export const webhookGallery: Gallery<WebhookSettings> = {
  async start (ending) {
    const settings = await startWebhookSettings(ending, { resolve: async () => ['127.0.0.1'] }, { title: 'Northwind Traders · Settings', signOut: '/sign-out' })
    await fill(settings)
    return settings
  },
  path: '/settings/?tab=webhooks',
  ready: OPEN,
  states: {
    webhooks: async () => {},
    'webhook-details': async (page) => {
      await click(page, OPEN)
      await page.getByText('next attempt').waitFor()
      await page.locator('summary').first().click()
      await page.getByText('Deliveries', { exact: true }).scrollIntoViewIfNeeded()
    },
    'webhook-create': async (page) => {
      await click(page, 'Add endpoint')
      await page.getByRole('textbox', { name: 'URL' }).fill('https://siem.northwind.example/in')
      await page.getByRole('radio', { name: 'Only those' }).check()
      await page.getByRole('checkbox', { name: /^key\.exposed/ }).check()
      await page.getByRole('checkbox', { name: /^token\.exposed/ }).check()
    },
    'webhook-secret': async (page) => {
      await click(page, OPEN)
      await click(page, 'Rotate secret https://hooks.northwind.example/latchkey')
      await page.getByRole('dialog').getByRole('button', { name: 'Rotate secret' }).click()
      await page.getByRole('button', { name: 'Copy', exact: true }).waitFor()
    },
    'webhook-delete': async (page) => {
      await click(page, 'Delete https://hooks.northwind.example/latchkey')
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    },
    'webhooks-empty': async (page) => {
      await page.getByLabel('Environment').selectOption('sandbox')
      await page.getByText('No endpoints yet').waitFor()
    }
  }
}

/** Endpoints as a workspace has them after some weeks. */
async function fill ({ clock, hooks, webhookStore }: WebhookSettings): Promise<void> {
  const of = { environment: 'production' } as const
  clock.advance(-40 * DAY)
  const pager = await hooks.create('northwind', { ...of, url: 'https://events.pager.example/v2/enqueue/5f0c2ab1', events: ['key.exposed', 'token.exposed', 'limit.exceeded', 'key.retiring_secret_used'], description: 'Pages whoever is on call' })
  clock.advance(20 * DAY)
  const main = await hooks.create('northwind', { ...of, url: 'https://hooks.northwind.example/latchkey', description: 'Writes to the audit log' })
  const old = await hooks.create('northwind', { ...of, url: 'https://legacy.northwind.example/', events: ['key.revoked'] })
  clock.advance(20 * DAY)
  await hooks.update('northwind', old.endpoint.id, { enabled: false })
  const found = await webhookStore.getEndpoint('northwind', pager.endpoint.id)
  if (found !== undefined) await webhookStore.updateEndpoint({ ...found, failingSince: new Date(clock.now() - 7_200_000), version: 2 })

  const key = { id: 'key_9f', environment: 'production', name: 'CI deployments', hint: 'Xk3f' }
  const refused: Omit<Attempt, 'at'> = { took: 212, status: 503, outcome: 'refused' }
  const rows: ReadonlyArray<readonly [Delivery['type'], number, Delivery['state'], ReadonlyArray<Omit<Attempt, 'at'>>]> = [
    ['key.issued', 2 * DAY, 'delivered', [{ took: 88, status: 204, outcome: 'delivered' }]],
    ['key.revoked', DAY, 'failed', [refused, { took: 15_000, outcome: 'timeout' }, { took: 41, status: 410, outcome: 'gone' }]],
    ['key.expiring', 7000, 'delivered', [refused, { took: 97, status: 200, outcome: 'delivered' }]],
    ['limit.exceeded', 500, 'pending', [refused, { took: 15_000, outcome: 'timeout' }]]
  ]
  await webhookStore.enqueue(rows.map(([type, ago, state, attempts], i) => {
    const createdAt = new Date(clock.now() - ago * 1000)
    return {
      id: `whd_${i}`,
      workspace: 'northwind',
      endpointId: main.endpoint.id,
      eventId: `evt_${String(i).repeat(24)}`,
      type,
      payload: JSON.stringify({ type, timestamp: createdAt.toISOString(), data: { key } }),
      createdAt,
      state,
      attempts: attempts.map((one, j) => ({ ...one, at: new Date(createdAt.getTime() + j * 305_000) })),
      ...state === 'pending' && { nextAt: new Date(clock.now() + 1_700_000) }
    }
  }))
}
