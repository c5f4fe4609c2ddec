import t from 'tap'
import { runCurl } from '../helpers/curl.js'
import { startExample } from '../helpers/example.js'

t.test('the lines of curl that npm start prints work as printed', async (t) => {
  const example = await startExample()
  t.teardown(() => example.stop('SIGKILL'))
  const lines = example.shown.split('\n').filter((line) => line.startsWith('curl '))
  t.same(await Promise.all(lines.map(runCurl)), [200, 401, 403, 201, 200, 200, 200, 200, 201])
})
