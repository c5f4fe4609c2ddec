import { closeSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { StoreError } from '../core/store-error.js'

/** The folder of an embedded database is open elsewhere. */
export class FolderInUseError extends StoreError {
  override readonly name = 'FolderInUseError'
  constructor (folder: string) {
    super(`the embedded Postgres in ${folder} is open in another process, or in another store of this one, ` +
      'and two would corrupt it: close that one, or give dataDir another folder; ' +
      'processes that share keys need a Postgres server (createPostgresKeyStore)')
  }
}

/**
 * Makes a folder and locks it. PGlite itself does not notice a second process, and two lose each other's writes. The
 * kernel holds the lock on a file beside the folder, and releases it however the process ends; the file stays.
 * @returns releases the lock
 * @throws FolderInUseError
 */
export async function lockFolder (folder: string): Promise<() => void> {
  const { tryLock } = await import('fs-native-extensions')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = openSync(`${realpathSync(folder)}.lock`, 'w', 0o600)
  const release = () => closeSync(file)
  if (tryLock(file)) return release
  release()
  throw new FolderInUseError(folder)
}
