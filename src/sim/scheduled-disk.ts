import type { Disk, DiskFile } from "../snapshot/store/index.ts"

/** A disk whose calls wait for their turn: `turn` resolves when the call may be done. */
export function scheduledDisk(disk: Disk, turn: (what: string) => Promise<void>): Disk {
  const scheduled = (file: DiskFile, path: string): DiskFile => ({
    // Taken now: the caller may reuse its bytes only after the answer, but a double is strict.
    async write(bytes) {
      await turn(`write ${path}`)
      return file.write(bytes)
    },
    async read(into, positionBytes) {
      await turn(`read ${path}`)
      return file.read(into, positionBytes)
    },
    async sync() {
      await turn(`sync ${path}`)
      return file.sync()
    },
    async close() {
      await turn(`close ${path}`)
      return file.close()
    },
  })
  return {
    async open(path, mode) {
      await turn(`${mode === "create" ? "create" : "open"} ${path}`)
      return scheduled(await disk.open(path, mode), path)
    },
    async rename(from, to) {
      await turn(`rename ${from} to ${to}`)
      return disk.rename(from, to)
    },
    async remove(path) {
      await turn(`remove ${path}`)
      return disk.remove(path)
    },
    async removeDirectory(path) {
      await turn(`remove directory ${path}`)
      return disk.removeDirectory(path)
    },
    async list(path) {
      await turn(`list ${path}`)
      return disk.list(path)
    },
    async mkdir(path) {
      await turn(`mkdir ${path}`)
      return disk.mkdir(path)
    },
    async stat(path) {
      await turn(`stat ${path}`)
      return disk.stat(path)
    },
    async syncDirectory(path) {
      await turn(`sync directory ${path}`)
      return disk.syncDirectory(path)
    },
  }
}
