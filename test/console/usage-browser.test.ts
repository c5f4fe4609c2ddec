import t, { type Test } from 'tap'
import { launchBrowser } from '../helpers/browser.js'
import { axeFaults, openSettings, startSettings } from '../helpers/settings.js'
import { usageCounts } from '../helpers/usage-counts.js'

t.setTimeout(120_000)
const browser = await launchBrowser()
t.teardown(() => browser.close())

async function start (t: Test) {
  const counts = usageCounts()
  const settings = await startSettings(t, {
    access: { usage: { store: counts.store }, limits: { environments: { production: [{ name: 'hour', quota: 3, window: 3600 }], sandbox: [] } } }
  })
  return { ...settings, counts }
}

t.test('requests of a key are seen in the list, and in its details as a picture, in words and as a table', async (t) => {
  const settings = await start(t)
  const { key, secret } = await settings.issue({ name: 'CRM' })
  settings.counts.add(settings.clock.now(), key, [[26, 'ADMITTED', 2], [200, 'ADMITTED', 1000]])
  for (const url of ['/devices', '/devices', '/reports', '/devices']) await settings.inject(secret, url)
  await settings.app.latchkey.usage.flush()
  const { page, complaints, button, row, close } = await openSettings(browser, settings)
  const cell = row('CRM').getByRole('cell').filter({ hasText: 'Last 7 days' })
  await cell.getByText('4 admitted, 1 rate limited, 1 refused').waitFor()
  t.same(await axeFaults(page), [])
  await button('Details: CRM').click()
  const details = page.getByRole('region', { name: 'Details of CRM' })
  const picture = details.getByRole('img')
  await picture.waitFor()
  t.equal(await picture.getAttribute('aria-label'), '2 admitted, 1 rate limited, 1 refused')
  t.match(await details.innerText(), /INSUFFICIENT_SCOPE 1[^]*hour: 3 in 1 hour/)
  t.match(await details.innerText(), 'Dashed line: the limit of 3 in 1 hour.')
  t.equal(await details.locator('.lane.admitted line.limit').count(), 1)
  t.match(await row('CRM').innerText(), /production\s+today\s+Never/, 'what is counted is no contradiction to the last use, which follows')
  t.match(await details.innerText(), /devices:read known within a minute/)
  t.same(await axeFaults(page), [])

  await details.locator('.lane').first().hover({ position: { x: 2, y: 2 } })
  await details.getByText('0 admitted, 0 rate limited, 0 refused').waitFor()
  await details.getByText('Mon, Nov 30').waitFor()
  await page.mouse.move(0, 0)
  await details.getByText('2 admitted, 1 rate limited, 1 refused', { exact: false }).first().waitFor()

  await button('7 days').focus()
  await page.keyboard.press('Enter')
  await page.getByRole('img', { name: '4 admitted' }).waitFor()
  t.equal(await button('7 days').getAttribute('aria-pressed'), 'true')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await page.getByRole('img', { name: '1,004 admitted' }).waitFor()
  t.match(await details.innerText(), 'Days are those of UTC.')
  await details.getByText('Show as a table').click()
  const rows = await details.getByRole('table').getByRole('row').allInnerTexts()
  t.same(rows.map((row) => row.split(/\s*\t\s*/)), [
    ['Time', 'Admitted', 'Rate limited', 'Refused', 'Refused, by code'],
    ['Tue, Dec 1', '2', '1', '1', 'INSUFFICIENT_SCOPE 1'],
    ['Mon, Nov 30', '2', '0', '0', ''],
    ['Mon, Nov 23', '1,000', '0', '0', '']
  ])
  t.same(await axeFaults(page), [])
  t.same(complaints, [], 'nothing that the policy of the page forbids')
  await close()
})

t.test('a key without requests says so; an outage says to try again, and the list works', async (t) => {
  const settings = await start(t)
  await settings.issue({ name: 'CRM' })
  settings.counts.state.isDown = true
  const { page, button, row, close } = await openSettings(browser, settings, { viewport: { width: 390, height: 844 } })
  await row('CRM').waitFor()
  await page.getByText('Usage can’t be shown right now.').waitFor()
  await button('Details: CRM').click()
  const alert = page.getByRole('alert')
  await alert.getByText('Usage can’t be shown right now. Try again in a moment.').waitFor()
  t.same(await axeFaults(page), [])
  settings.counts.state.isDown = false
  await alert.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('No requests in this time.').waitFor()
  await button('Try again').click()
  await row('CRM').getByText('0 admitted, 0 rate limited, 0 refused').waitFor()
  t.same(await axeFaults(page), [])
  t.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, 'nothing sticks out')
  await close()
})

t.test('where the server counts nothing, there is no picture', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'CRM' })
  const { page, button, close } = await openSettings(browser, settings)
  await button('Details: CRM').click()
  await button('Rename CRM').waitFor()
  t.equal(await page.getByText(/Usage|Last 7 days/).count(), 0)
  await close()
})
