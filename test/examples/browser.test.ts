import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Page } from 'playwright-core'
import { listenOn } from '../../examples/front.js'
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

t.test('the reference page shows what an operation requires and costs, takes a demo key and sends a request with it', async (t) => {
  const { page, complaints } = await open('/docs/')
  const operation = (name: string) => page.locator('section', { has: page.getByRole('heading', { name }) }).last()
  await page.getByPlaceholder('Token').first().fill(example.keys.read ?? '')
  const list = operation('List devices')
  await list.scrollIntoViewIfNeeded()
  t.match(await list.innerText(), 'Scopes: devices:read')
  t.match(await list.innerText(), 'Requires devices:read.')
  await page.getByRole('link', { name: /^Reboot a device/ }).click()
  t.match(await operation('Reboot a device').innerText(), /Scopes: devices:reboot\s+Cost: 10 requests/)

  await list.getByRole('button', { name: /Test Request/ }).click()
  await page.getByRole('button', { name: /^Send/ }).first().click()
  const client = page.getByRole('dialog')
  await client.getByText('Till 1 of north').first().waitFor()
  t.match(await client.innerText(), '200 OK')
  await client.getByRole('button', { name: /^Response Headers/ }).click()
  await client.getByText(/"production";r=\d+;t=\d+/).waitFor()
  t.same(complaints, [])
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
    ['api_keys:read', 'list, workspaces, caller, get, usage, key_usage'],
    ['api_keys:write', 'create, update'],
    ['api_keys:manage', 'all operations']
  ])
  await page.getByRole('link', { name: 'reboot' }).click()
  await page.getByRole('heading', { name: 'Reboot a device' }).waitFor()
  t.equal(new URL(page.url()).hash, '#tag/devices/POST/devices/{id}/reboot')
  t.same(complaints, [])
})

t.test('a person who signs in adds an endpoint on this machine, sends a test and sees it delivered', async (t) => {
  const bodies: string[] = []
  const receiver = await listenOn(createServer(async (request, response) => {
    bodies.push(await text(request))
    response.end()
  }))
  t.teardown(() => receiver.close())
  const { page, complaints } = await open('/settings/?tab=webhooks')
  await page.getByRole('button', { name: 'Sign in as ada' }).click()
  await page.getByRole('link', { name: 'Webhooks' }).click()
  await page.getByRole('button', { name: 'Add endpoint' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('URL').fill(receiver.url)
  await dialog.getByRole('button', { name: 'Add endpoint' }).click()
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('button', { name: `Send test ${receiver.url}` }).click()
  await page.getByText('Answered 200', { exact: true }).waitFor()
  t.match(bodies, [/"type":"webhook.test"/])
  t.same(complaints, [])
})
