declare module 'fs-native-extensions' {
  /**
   * Locks an open file for its descriptor, until that is closed. @returns false where another descriptor has the lock
   */
  export function tryLock (file: number): boolean
}
