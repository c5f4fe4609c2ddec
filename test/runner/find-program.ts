import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a program is, as a shell finds it. */
export function findProgram (...names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** Any name that Chromium goes by, or what `CHROMIUM` names. */
export function findChromium (): string | undefined {
  return process.env.CHROMIUM ?? findProgram('chromium', 'chromium-browser', 'google-chrome')
}

/** The folder of `postgres`, `initdb` and `pg_ctl`. Debian keeps them outside of PATH, but not `pg_lsclusters`. */
export function findPostgres (): string | undefined {
  const home = '/usr/lib/postgresql'
  const versions = findProgram('pg_lsclusters') === undefined ? [] : readdirSync(home).map(Number).sort((a, b) => b - a)
  const folders = [...versions.map((version) => join(home, String(version), 'bin')), ...(process.env.PATH ?? '').split(delimiter)]
  return folders.find((folder) => ['postgres', 'initdb'].every((name) => isExecutable(join(folder, name))))
}

function isExecutable (path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
