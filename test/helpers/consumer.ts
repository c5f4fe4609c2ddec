import { cp, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { root, run, start } from './child.js'

/** A folder outside the repository, where no look-up finds its node_modules or its package.json. */
export async function consumerFolder (t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-package-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The version that this repository develops against, so that npm's cache has it. */
export async function same (name: string): Promise<string> {
  return `${name}@${JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8')).version}`
}

export async function succeeds (t: Test, command: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, cwd, { PATH: [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter) })
  t.equal(code, 0, `${command.slice(0, 2).map((word) => basename(word)).join(' ')} succeeds`, { diagnostic: code !== 0, output: `${stdout}${stderr}` })
  return stdout
}

export async function install (t: Test, project: string, packages: readonly string[]): Promise<void> {
  await succeeds(t, ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], project)
}

/** Builds and packs the package. @returns the tarball, as npm install takes it */
export async function pack (t: Test, project: string): Promise<string> {
  await succeeds(t, ['npm', 'pack', '--silent', '--pack-destination', project], root)
  const tarballs = (await readdir(project)).filter((file) => file.endsWith('.tgz'))
  t.equal(tarballs.length, 1)
  return `./${tarballs[0]}`
}

interface Manifest {
  readonly scripts: { readonly build?: string, readonly start: string }
  readonly dependencies: Readonly<Record<string, string>>
}

/** A folder of `test/consumers/`, copied into a project that has all that it depends on. */
export interface Consumer extends Manifest { readonly name: string, readonly folder: string }

export async function copyConsumers (project: string): Promise<Consumer[]> {
  const source = join(root, 'test/consumers')
  const folders = (await readdir(source, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  return await Promise.all(folders.map(async ({ name }) => {
    const folder = join(project, 'consumers', name)
    await cp(join(source, name), folder, { recursive: true })
    const manifest: Manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    return { name, folder, ...manifest }
  }))
}

/** Starts a consumer as its `start` script does, and reads the line of JSON that it prints. */
export async function startConsumer (t: Test, { folder, scripts }: Consumer): Promise<{ url: string, secret: string }> {
  const child = start(['sh', '-c', `exec ${scripts.start}`], folder, { PORT: '0', PATH: [join(folder, '../../node_modules/.bin'), process.env.PATH].join(delimiter) })
  let output = ''
  child.stderr.on('data', (chunk) => { output += String(chunk) })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{"url"')) return JSON.parse(line)
    output += `${line}\n`
  }
  throw new Error(`it ended: ${output}`)
}
