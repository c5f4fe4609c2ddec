import t from 'tap'
import { launchBrowser } from '../helpers/browser.js'
import { startExample } from '../helpers/example.js'

t.setTimeout(120_000)

const browser = await launchBrowser()
const example = await startExample('tiers-oauth')
const { front = '', issuer = '', authorize = '' } = example.oauth
t.teardown(async () => {
  await browser.close()
  await example.stop('SIGKILL')
})

/** A browser of its own: nobody is signed in. */
async function open (url: string) {
  const context = await browser.newContext()
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const strangers: string[] = []
  context.on('request', (request) => {
    if (![`${front}/`, `${issuer}/`, 'data:'].some((known) => request.url().startsWith(known))) strangers.push(request.url())
  })
  await page.goto(url)
  return { page, strangers }
}

t.test('the reference page signs a user in, calls the API as her, and shows which scope is missing', async (t) => {
  const { page, strangers } = await open(`${front}/docs`)
  await page.locator('button.authorize').click()
  const scheme = page.locator('.modal-ux .auth-container', { hasText: 'oauth2' })
  t.match(await scheme.innerText(), `${issuer}/oauth2/authorize`)
  t.equal(await scheme.locator('input[type=checkbox]').count(), 9, 'the scopes of the catalogue')
  t.equal(await scheme.locator('#client_id_authorizationCode').inputValue(), 'docs')

  const opened = page.waitForEvent('popup')
  await scheme.locator('button.authorize').click()
  const popup = await opened
  popup.setDefaultTimeout(20_000)
  await popup.locator('input[name=user]').fill('ada')
  await popup.locator('input[name=password]').fill('wrong')
  await popup.locator('button').click()
  t.match(await popup.locator('[role=alert]').innerText(), 'There is no such user')
  await popup.locator('input[name=user]').fill('ada')
  await popup.locator('input[name=password]').fill('demo-ada')
  await popup.locator('button').click()
  await popup.locator('button[name=allow]').waitFor()
  t.strictSame(await popup.locator('li').allInnerTexts(), ['resources:read'], 'only what was asked for')
  const closed = popup.waitForEvent('close')
  await popup.locator('button[name=allow]').click()
  await closed
  await scheme.locator('button', { hasText: 'Logout' }).waitFor()
  await page.locator('.modal-ux button.btn-done').first().click()

  const list = page.locator('.opblock-get', { hasText: '/v1/resources' }).first()
  await list.locator('.opblock-summary-control').click()
  await list.locator('button.execute').click()
  const live = list.locator('.live-responses-table tr.response')
  await live.waitFor()
  t.match(await live.innerText(), /^200/)
  t.match(await live.innerText(), 'Report')
  t.match(await live.innerText(), 'ratelimit-policy: "pro";q=10000;w=3600')

  const create = page.locator('.opblock-post', { hasText: '/v1/resources' })
  await create.locator('.opblock-summary-control').click()
  await create.locator('button.execute').click()
  const refused = create.locator('.live-responses-table tr.response')
  await refused.waitFor()
  t.match(await refused.innerText(), /^403/)
  t.match(await refused.innerText(), 'This operation requires resources:write; the credential grants resources:read.')
  t.strictSame(strangers, [])
})

t.test('the printed URL leads through the same pages; who says no is sent back without a code', async (t) => {
  const { page } = await open(authorize)
  await page.locator('input[name=user]').fill('grace')
  await page.locator('input[name=password]').fill('demo-grace')
  await page.locator('button').click()
  t.match(await page.locator('h1').innerText(), 'Allow console?')
  t.strictSame(await page.locator('li').allInnerTexts(), ['resources:read', 'resources:write'])
  const called = page.waitForRequest((request) => request.url().startsWith('http://127.0.0.1/callback'))
  await page.locator('button[name=deny]').click()
  const { searchParams } = new URL((await called).url())
  t.equal(searchParams.get('error'), 'access_denied')
  t.equal(searchParams.get('code'), null)
})

t.test('a page that is over says so', async (t) => {
  const { page } = await open(`${issuer}/interaction/none`)
  t.equal(await page.locator('h1').innerText(), 'This page is over')
})
