import { scopesHtml, scopesMarkdown, type PermittedOperation, type ResourceScopes } from 'fastify-latchkey/openapi'
import t from 'tap'

function operation (operationId?: string): PermittedOperation {
  return { method: 'GET', url: '/git/:id', ...operationId !== undefined && { operationId }, tags: ['git'] }
}

const table: ResourceScopes[] = [
  { resource: 'git_commits', title: 'Git commits', scopes: [{ scope: 'git_commits:read', permissions: ['get', 'list'], operations: [operation('git_commits.get'), operation()] }, { scope: 'git_commits:write', permissions: [], operations: [] }] },
  { resource: '', title: 'All resources', scopes: [{ scope: 'ADMIN', permissions: ['all operations'], operations: [] }] }
]

const hostile: ResourceScopes[] = [
  { resource: '<b>|', title: '<b>|', scopes: [{ scope: 'a|`b``', permissions: ['GET /x_*|\n<script>alert(1)</script>', '"&\''], operations: [operation('<'), operation()] }] }
]

t.test('Markdown has a heading and a table for each resource', async (t) => {
  t.equal(scopesMarkdown(table), `## Git commits

| Scope | Permissions |
|---|---|
| \`git_commits:read\` | get, list |
| \`git_commits:write\` | — |

## All resources

| Scope | Permissions |
|---|---|
| \`ADMIN\` | all operations |
`)
  t.equal(scopesMarkdown([]), '')
})

t.test('Markdown from names that look like Markdown stays a table of one row', async (t) => {
  t.equal(scopesMarkdown(hostile), `## \\<b\\>\\|

| Scope | Permissions |
|---|---|
| \`\`\` a\\|\`b\`\` \`\`\` | GET /x\\_\\*\\| \\<script\\>alert(1)\\</script\\>, "\\&' |
`)
})

t.test('HTML is a page of its own that loads nothing', async (t) => {
  const html = scopesHtml(table)
  t.match(html, '<title>Scopes</title>')
  t.match(html, '<link rel="icon" href="data:,">', 'not even the icon that browsers ask for')
  t.match(html, '<h2>Git commits</h2>')
  t.match(html, '<tr><td><code>git_commits:read</code></td><td>get, list</td></tr>\n<tr><td><code>git_commits:write</code></td><td>—</td></tr>')
  t.notMatch(html, /<script|<img|\bsrc=|\bhref=(?!"data:,")|@import|url\(/)
})

t.test('HTML from names that look like HTML is text', async (t) => {
  const html = scopesHtml(hostile, { title: '<i>"Mine"</i>' })
  t.match(html, '<title>&lt;i&gt;&quot;Mine&quot;&lt;/i&gt;</title>')
  t.match(html, '<h2>&lt;b&gt;|</h2>')
  t.match(html, '&lt;script&gt;alert(1)&lt;/script&gt;, &quot;&amp;&#39;</td>')
  t.notMatch(html, /<script|<b>|<i>/)
})

t.test('operations are linked where the host says where they are shown', async (t) => {
  const operationUrl = ({ operationId, tags: [tag], method, url }: PermittedOperation): string | undefined =>
    operationId && `/docs#${tag}/${method}${url}?a|b c&"${operationId}`
  t.match(scopesMarkdown(table, { operationUrl }), '| `git_commits:read` | [get](</docs#git/GET/git/:id?a%7Cb%20c&"git_commits.get>), list |')
  t.match(scopesMarkdown(hostile, { operationUrl }), '](</docs#git/GET/git/:id?a%7Cb%20c&"%3C>), "\\&\' |')
  t.match(scopesHtml(table, { operationUrl }), '<td><a href="/docs#git/GET/git/:id?a|b c&amp;&quot;git_commits.get">get</a>, list</td>')
  t.match(scopesHtml(hostile, { operationUrl }), '&quot;&lt;">GET /x_*|')
  t.match(scopesHtml(table, { operationUrl }), '<td>all operations</td>')
})
