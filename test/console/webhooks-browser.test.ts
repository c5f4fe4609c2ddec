import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { launchBrowser } from '../helpers/browser.js'
import { axeFaults, openSettings } from '../helpers/settings.js'
import { until } from '../helpers/until.js'
import { startWebhookSettings, type WebhookSettings } from '../helpers/webhook-settings.js'

t.setTimeout(120_000)
const browser = await launchBrowser()
t.teardown(() => browser.close())

const openWebhooks = async (settings: WebhookSettings) => {
  const opened = await openSettings(browser, settings, {}, '/settings/?tab=webhooks')
  const within = (name: string) => opened.dialog.getByRole('button', { name, exact: true })
  return { ...opened, within, deliveries: opened.page.getByRole('listitem').filter({ has: opened.page.locator('summary') }) }
}

t.test('a person adds an endpoint, copies its secret once, sends a test that arrives, and sees it delivered', async (t) => {
  const settings = await startWebhookSettings(t)
  const { receiver } = settings
  const { page, complaints, button, dialog, within, row, deliveries, close } = await openWebhooks(settings)
  await page.getByText('No endpoints yet').waitFor()
  t.same(await axeFaults(page), [])
  await button('Add endpoint').click()
  await within('Add endpoint').click()
  await dialog.getByText('Enter a whole URL, which begins with https.').waitFor()
  await dialog.getByLabel('URL').fill(receiver.url())
  await dialog.getByLabel('Description').fill('<b>Ours</b>')
  await dialog.getByRole('radio', { name: 'Only those that I choose' }).check()
  await within('Add endpoint').click()
  await dialog.getByText('Choose at least one type of event.').waitFor()
  t.same(await axeFaults(page), [])
  await dialog.getByRole('checkbox', { name: /^key\.revoked a key was revoked/ }).check()
  await within('Add endpoint').click()
  const secret = await page.getByRole('textbox', { name: `Secret of ${receiver.url()}` }).inputValue()
  t.match(secret, /^whsec_/)
  t.same(await axeFaults(page), [])
  await button('Done').click()
  await dialog.getByText('The secret has not been copied').waitFor()
  await button('Back to the secret').click()
  await button('Copy').click()
  await button('Copied').waitFor()
  t.equal(await page.evaluate('navigator.clipboard.readText()'), secret)
  await button('Done').click()
  t.match(await row(receiver.url()).innerText(), /<b>Ours<\/b>\s+key\.revoked/)
  const traces: unknown = await page.evaluate("JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie, document.querySelector('latchkey-webhooks').shadowRoot.innerHTML])")
  t.notMatch(traces, secret)

  await button(`Send test ${receiver.url()}`).click()
  await deliveries.getByText('Answered 204', { exact: true }).waitFor()
  const [received] = await receiver.count(1)
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = received?.headers ?? {}
  t.equal(signature, new Webhook(secret).sign(String(id), new Date(Number(timestamp) * 1000), String(received?.body)))
  t.equal(await page.evaluate('document.activeElement.shadowRoot.activeElement.ariaLabel'), `Send test ${receiver.url()}`, 'the focus stays')
  await deliveries.locator('summary').click()
  await deliveries.getByText('"type": "webhook.test"').waitFor()
  t.same(await axeFaults(page), [])

  await page.getByRole('link', { name: 'API keys' }).click()
  await page.getByText('No keys yet').waitFor()
  await page.getByRole('link', { name: 'Webhooks' }).click()
  await row(receiver.url()).waitFor()
  await page.reload()
  await row(receiver.url()).waitFor()
  t.equal(await page.getByRole('link', { name: 'Webhooks' }).getAttribute('aria-current'), 'page', 'the tab survives a reload')
  t.same(complaints, [])
  await close()
})

t.test('a delivery that fails shows its attempts and the next one; it is replayed to a URL that was put right', async (t) => {
  const settings = await startWebhookSettings(t)
  const { receiver, clock, issue } = settings
  const { id } = await settings.add('/broken')
  const attempted = (times: number) => until(async () => (await settings.hooks.deliveries('northwind', id)).deliveries[0]?.attempts.length === times)
  await issue({ name: 'CRM' })
  await attempted(1)
  clock.advance(80)
  await attempted(2)
  const { page, button, dialog, within, deliveries, close } = await openWebhooks(settings)
  await button(`Details: ${receiver.url('/broken')}`).click()
  await deliveries.getByText(/^Answered 500, not 2xx; next attempt in 1 hour$/).waitFor()
  await page.getByText('Failing', { exact: true }).waitFor()
  await deliveries.locator('summary').click()
  t.match(await deliveries.innerText(), /Retrying\s+key\.issued[^]*Attempts\s+Answered 500, not 2xx \(.*\) 1 minute ago\s+Answered 500, not 2xx \(.*\) now/)
  t.same(await axeFaults(page), [])

  await button(`Change ${receiver.url('/broken')}`).click()
  await dialog.getByLabel('URL').fill(receiver.url('/ok'))
  await within('Change').click()
  await page.getByText(`${receiver.url('/ok')} was changed.`).waitFor()
  clock.advance(5000)
  await attempted(3)
  await button('Refresh').click()
  await deliveries.getByText('Delivered', { exact: true }).waitFor()
  await deliveries.getByRole('button', { name: /^Replay key\.issued/ }).click()
  const [first, again] = await receiver.count(2, '/ok')
  t.equal(first?.headers['webhook-id'], again?.headers['webhook-id'])
  await deliveries.nth(1).waitFor()
  await page.getByRole('region', { name: 'Deliveries' }).getByLabel('Show').selectOption('failed')
  await page.getByText('No such delivery.').waitFor()
  await close()
})

t.test('a secret is rotated, an endpoint disabled, enabled and deleted; a conflict and an outage say so, and nothing typed is lost', async (t) => {
  const settings = await startWebhookSettings(t)
  const { receiver, host, hooks } = settings
  const { id } = await settings.add()
  const url = receiver.url()
  const { page, button, dialog, within, row, close } = await openWebhooks(settings)
  await button(`Details: ${url}`).click()
  await button(`Rotate secret ${url}`).click()
  t.same(await axeFaults(page), [])
  await within('Rotate secret').click()
  t.match(await page.getByRole('textbox', { name: `Secret of ${url}` }).inputValue(), /^whsec_/)
  await button('Copy').click()
  await button('Done').click()
  await row(url).getByText('Old secret works until tomorrow').waitFor()
  await button(`Disable ${url}`).click()
  t.same(await axeFaults(page), [])
  await within('Disable').click()
  await row(url).getByText('Disabled', { exact: true }).waitFor()
  t.equal(await button(`Send test ${url}`).count(), 0)
  t.same(await axeFaults(page), [])
  await button(`Enable ${url}`).click()
  await page.getByText(`${url} is enabled.`).waitFor()

  await button(`Change ${url}`).click()
  await dialog.getByLabel('Description').fill('mine')
  await hooks.update('northwind', id, { description: 'of a colleague' })
  await within('Change').click()
  await dialog.getByText('This endpoint was changed meanwhile. You see it as it is now.').waitFor()
  t.equal(await dialog.getByLabel('Description').inputValue(), 'mine')
  host.isDown = true
  await within('Change').click()
  await dialog.getByText('Webhooks can’t be reached right now.').waitFor()
  t.same(await axeFaults(page), [])
  host.isDown = false
  await within('Change').click()
  await row(url).getByText('mine').waitFor()

  host.isDown = true
  await button(`Send test ${url}`).click()
  await dialog.getByText('Webhooks can’t be reached right now.').waitFor()
  t.same(await axeFaults(page), [])
  host.isDown = false
  await within('Send test').click()
  await receiver.count(1)
  await dialog.waitFor({ state: 'detached' })

  await button(`Delete ${url}`).click()
  await within('Delete').click()
  await dialog.getByText(/^Type localhost:\d+ exactly\.$/).waitFor()
  t.same(await axeFaults(page), [])
  await dialog.getByLabel(`Type ${new URL(url).host} to confirm`).fill(new URL(url).host)
  await within('Delete').click()
  await page.getByText(`${url} was deleted.`).waitFor()
  t.same(await hooks.list('northwind'), [])
  await close()
})
