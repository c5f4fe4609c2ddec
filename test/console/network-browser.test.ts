import { createServer, request } from 'node:http'
import t from 'tap'
import { listenOn } from '../../examples/front.js'
import { launchBrowser } from '../helpers/browser.js'
import { axeFaults, openSettings, startSettings } from '../helpers/settings.js'

t.setTimeout(120_000)
const browser = await launchBrowser()
t.teardown(() => browser.close())

t.test('too many requests: a person reads when to try again, nothing typed is lost, and trying again succeeds', async (t) => {
  let isLimited = false
  const settings = await startSettings(t, {
    more (app) {
      app.addHook('onRequest', async (_request, reply) => {
        if (isLimited) return await reply.code(429).header('retry-after', '42').send({ message: 'slow down' })
      })
    }
  })
  const { page, button, dialog, row, close } = await openSettings(browser, settings)
  const wait = 'Too many requests. Try again in 42 seconds.'
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('ERP')
  await dialog.getByRole('checkbox', { name: /^devices:write/ }).check()
  isLimited = true
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await dialog.getByRole('alert').getByText(wait).waitFor()
  t.same(await axeFaults(page), [])
  t.equal(await dialog.getByLabel('Name').inputValue(), 'ERP')
  t.equal(await dialog.getByRole('checkbox', { name: /^devices:write/ }).isChecked(), true)
  isLimited = false
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await button('Copy').click()
  await button('Done').click()
  await row('ERP').waitFor()
  await close()
})

t.test('offline: a person reads so, and what was typed is sent once the network is back', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'CRM' })
  const { page, button, dialog, row, close } = await openSettings(browser, settings)
  await button('Details: CRM').click()
  await button('Rename CRM').click()
  await dialog.getByLabel('Name').fill('Sales')
  await page.context().setOffline(true)
  await dialog.getByRole('button', { name: 'Rename' }).click()
  await dialog.getByRole('alert').waitFor()
  t.match(await dialog.getByRole('alert').innerText(), /try again/i)
  t.equal(await dialog.getByLabel('Name').inputValue(), 'Sales')
  await page.context().setOffline(false)
  await dialog.getByRole('button', { name: 'Rename' }).click()
  await row('Sales').waitFor()
  await close()
})

t.test('behind a proxy that adds a prefix, a person lists keys and creates one whose secret works', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'CRM' })
  const proxy = await listenOn(createServer((incoming, outgoing) => {
    const { method, headers, url = '' } = incoming
    if (!url.startsWith('/proxy/')) {
      outgoing.writeHead(404).end()
      return
    }
    const passed = request(settings.url + url.slice('/proxy'.length), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(passed)
  }))
  t.teardown(() => proxy.close())
  const { page, complaints, button, dialog, row, close } = await openSettings(browser, { url: proxy.url, clock: settings.clock }, {}, '/proxy/settings')
  await row('CRM').waitFor()
  t.equal(page.url(), `${proxy.url}/proxy/settings/`)
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('ERP')
  await dialog.getByRole('checkbox', { name: /^devices:read/ }).check()
  await dialog.getByRole('button', { name: 'Create key' }).click()
  const secret = await page.getByLabel('Secret of ERP').inputValue()
  t.equal((await settings.inject(secret)).statusCode, 200)
  await button('Copy').click()
  await button('Done').click()
  await row('ERP').waitFor()
  t.same(complaints, [])
  await close()
})

t.test('signed out, or while the session of the host fails, the page itself says so, and axe finds nothing', async (t) => {
  let session: () => null = () => null
  const settings = await startSettings(t, { page: { session: () => session() } })
  const { page, close } = await openSettings(browser, settings)
  await page.getByText('Sign in').waitFor()
  t.same(await axeFaults(page), [])
  session = () => { throw new Error('the session store is down') }
  const answer = await page.reload()
  t.equal(answer?.status(), 503)
  t.match(await page.getByRole('main').innerText(), /again/)
  t.same(await axeFaults(page), [])
  await close()
})
