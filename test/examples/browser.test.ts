import t from 'tap'
import type { Page } from 'playwright-core'
import { launchBrowser } from '../helpers/browser.js'
import { startExample } from '../helpers/example.js'

t.setTimeout(120_000)

const browser = await launchBrowser()
const example = await startExample()
t.teardown(async () => {
  await browser.close()
  await example.stop('SIGKILL')
})

/** A page, and everything about it that should not be: errors in its console, requests to other hosts. */
async function open (path: string): Promise<{ page: Page, complaints: string[] }> {
  const page = await browser.newPage()
  page.setDefaultTimeout(20_000)
  const complaints: string[] = []
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()) })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${example.url}/`) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`)
  })
  await page.goto(example.url + path)
  return { page, complaints }
}

t.test('the reference page shows the operations, takes a demo key and sends a request with it', async (t) => {
  const { page, complaints } = await open('/docs')
  const list = page.locator('.opblock', { hasText: 'List devices' })
  await list.waitFor()
  t.equal(await page.locator('.opblock').count(), 15)
  t.equal(await page.locator('.opblock button.authorization__btn').count(), 15, 'each has its lock')
  t.equal(await page.locator('.opblock button[aria-label="authorization button unlocked"]').count(), 15, 'open, without a key')

  await page.locator('button.authorize').click()
  await page.locator('.modal-ux input').fill(example.keys.read ?? '')
  await page.locator('.modal-ux button.authorize').click()
  await page.locator('.modal-ux button.btn-done').click()
  t.equal(await page.locator('.opblock button[aria-label="authorization button locked"]').count(), 15, 'closed, with one')

  await list.locator('.opblock-summary-control').click()
  t.match(await list.locator('tr.response[data-code="403"]').innerText(), 'Requires devices:read.')
  await list.locator('button.execute').click()
  const live = list.locator('.live-responses-table tr.response')
  await live.waitFor()
  t.match(await live.innerText(), /^200/)
  t.match(await live.innerText(), 'Till 1 of north')
  t.match(await live.innerText(), /ratelimit: "production";r=\d+;t=\d+/)

  const create = page.locator('.opblock', { hasText: 'Create a device' })
  await create.locator('.opblock-summary-control').click()
  await create.locator('button.execute').click()
  const refused = create.locator('.live-responses-table tr.response')
  await refused.waitFor()
  t.match(await refused.innerText(), /^403/)
  t.match(await refused.innerText(), 'This operation requires devices:write; the credential grants devices:read.')

  t.same(complaints.filter((text) => !text.includes('status of 403')), [])
})

t.test('the page of scopes has the table', async (t) => {
  const { page, complaints } = await open('/scopes')
  t.equal(await page.title(), 'Devices API: scopes')
  t.same((await page.locator('tbody tr').allInnerTexts()).map((row) => row.split('\t')), [
    ['devices:read', 'list, get, ping'],
    ['devices:write', 'create, update'],
    ['devices:delete', 'delete'],
    ['devices:reboot', 'list, get, ping, reboot'],
    ['devices:manage', 'all operations'],
    ['api_keys:read', 'list, workspaces, caller, get'],
    ['api_keys:write', 'create, update'],
    ['api_keys:manage', 'all operations']
  ])
  t.same(complaints, [])
})
