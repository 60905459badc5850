/**
 * The few calls the store makes to a file system. Two implementations: `realDisk` and `SimDisk`; `disk.test.ts` is the
 * behaviour suite of both.
 *
 * - Paths use `/`. A failed call rejects with an Error whose `code` is the name of the errno (`ENOENT`, `ENOSPC` ...).
 * - What was written is durable after `DiskFile.sync`; what a name points to, after `syncDirectory` of its directory.
 *   Until then a crash keeps any part of it.
 * - `rename` replaces a file of the new name, in one step as far as any reader or crash can tell.
 */
export interface Disk {
  /**
   * `create` makes a new file and rejects with EEXIST when the name is taken; `read` does not follow a symbolic link.
   */
  open(path: string, mode: "read" | "create"): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Removes a file's name. */
  remove(path: string): Promise<void>
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>
  /** Names in a directory, in no order. */
  list(path: string): Promise<readonly string[]>
  /** Makes a directory and its missing parents, durably. Fine when it exists. */
  mkdir(path: string): Promise<void>
  /** Of the name itself: a symbolic link is `other`. */
  stat(path: string): Promise<DiskStat>
  syncDirectory(path: string): Promise<void>
}

export interface DiskStat {
  readonly kind: "file" | "directory" | "other"
  readonly sizeBytes: number
}

/** An open file. Files are written once, from the beginning to the end, and never changed. */
export interface DiskFile {
  /** Appends all of `bytes`, which may be reused once the promise has resolved. */
  write(bytes: Uint8Array): Promise<void>
  /** Fills `into` from `positionBytes` on. May read less than asked; 0 means the end of the file. */
  read(into: Uint8Array, positionBytes: number): Promise<number>
  /**
   * When it fails, what was written may be gone although reads still show it: the file is to be written anew, never
   * synced again.
   */
  sync(): Promise<void>
  close(): Promise<void>
}
