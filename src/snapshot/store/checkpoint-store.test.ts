import { mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { EngineError } from "../../errors/index.ts"
import {
  codeOf,
  DIRECTORY,
  FOLDER,
  JOB,
  manifestOf,
  openStore,
  owner,
  startStore,
  statesOf,
  takeCheckpoint,
  writeParts,
} from "./_fixtures.ts"
import { CheckpointStore } from "./checkpoint-store.ts"
import { readSavepoint } from "./read-savepoint.ts"
import { processOwner, realDisk } from "./real-disk.ts"
import { SimDisk } from "./sim-disk.ts"

function flip(disk: SimDisk, path: string, at: number): void {
  const bytes = disk.peek(path)
  bytes[at] = bytes[at]! ^ 0x10
  disk.poke(path, bytes)
}

function filesIn(disk: SimDisk, folder: string): readonly string[] {
  return disk
    .files()
    .filter((file) => file.startsWith(`${FOLDER}/${folder}/`))
    .map((file) => file.slice(FOLDER.length + folder.length + 2))
}

describe("CheckpointStore.beginRun()", () => {
  test("makes the run known to the next process before anything is published, and until the job ends", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    expect(store.runId).toBeUndefined()
    await store.beginRun("run-1")
    disk.crash(() => false)
    const again = await startStore(disk)
    expect(again.runId).toBe("run-1")
    expect(again.finished).toBe(false)
    await again.markFinished("command-1")
    const third = await startStore(disk)
    expect(third).toMatchObject({ runId: undefined, finished: true, endedBy: "command-1" })
    // It has begun again: whoever was told of the end must not be told once more.
    await third.beginRun("run-2")
    expect(await startStore(disk)).toMatchObject({ runId: "run-2", finished: false, endedBy: undefined })
  })

  test("writes the marker as docs/formats/checkpoint.md has it", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await store.beginRun("run-1")
    const line = (): string =>
      Buffer.from(disk.peek(`${FOLDER}/marker.json`))
        .toString()
        .split("\n")[0]!
    expect(line()).toBe(
      '{"formatVersion":1,"jobName":"hourly-delays","committed":null,"finished":null,"highest":0,"run":"run-1"}',
    )
    await store.markFinished("command-1")
    expect(line()).toBe(
      '{"formatVersion":1,"jobName":"hourly-delays","committed":null,"finished":0,"highest":0,"endedBy":"command-1"}',
    )
  })
})

describe("CheckpointStore.newestSound()", () => {
  test("answers nothing where there is nothing", async () => {
    const store = await openStore(new SimDisk())
    expect(await store.newestSound()).toEqual({ point: undefined, passedOver: [] })
    expect(store.highestId).toBe(0)
  })

  test("answers the newest checkpoint, from another process, with its states", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    const second = await takeCheckpoint(disk, store, 2)
    await store.close()
    const again = await openStore(disk)
    const { point } = await again.newestSound()
    expect(point?.manifest).toEqual(second)
    expect(await statesOf(disk, point!)).toEqual([["a2"], ["b2"]])
    expect(again.highestId).toBe(2)
    expect(await again.beginAttempt()).toBe(2)
  })

  test("passes over a damaged checkpoint, says which file at which byte, and never comes back to it", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2, 3]) await takeCheckpoint(disk, store, id)
    const damagedFile = `${FOLDER}/parts/3-1-count-1.part`
    const sound = disk.peek(damagedFile)
    flip(disk, damagedFile, 60)
    const warnings: EngineError[] = []
    const again = await openStore(disk, { onWarning: (warning) => void warnings.push(warning) })
    const { point, passedOver } = await again.newestSound()
    expect(point?.manifest.checkpointId).toBe(2)
    expect(passedOver).toMatchObject([
      { checkpointId: 3, code: "CHECKPOINT_PART_DAMAGED", reason: expect.stringContaining(damagedFile) },
    ])
    expect(warnings).toMatchObject([{ code: "CHECKPOINT_PASSED_OVER", details: { used: 2 } }])
    disk.poke(damagedFile, sound)
    const third = await openStore(disk)
    expect((await third.newestSound()).point?.manifest.checkpointId).toBe(2)
    expect(third.highestId).toBe(3)
  })

  test("does not go back behind committed output, unless told to; then it is told once", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2]) {
      await takeCheckpoint(disk, store, id)
      await store.markCommitted(id)
    }
    flip(disk, `${FOLDER}/checkpoints/2-1.json`, 10)
    const again = await openStore(disk)
    await expect(again.newestSound()).rejects.toMatchObject({
      code: "CHECKPOINT_COMMITTED_DAMAGED",
      retriable: false,
      message: expect.stringMatching(
        /checkpoint 2 in .* whose output has been committed.*2-1\.json.*bring its files back.*allowRepeat/,
      ),
      details: { committed: 2, newestSound: 1 },
    })
    expect(await codeOf(again.publish(manifestOf(3, [])))).toBe("INVARIANT_BROKEN")
    expect((await again.newestSound({ allowRepeat: true })).point?.manifest.checkpointId).toBe(1)
    expect((await (await openStore(disk)).newestSound()).point?.manifest.checkpointId).toBe(1)
  })

  test("does not start anew when the files of committed output are gone", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await store.markCommitted(1)
    disk.lose(`${FOLDER}/checkpoints/1-1.json`)
    expect(await codeOf((await openStore(disk)).newestSound())).toBe("CHECKPOINT_COMMITTED_DAMAGED")
  })

  test("stops at what another release wrote instead of passing it over", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    const { seal } = await import("./_sealed-json.ts")
    disk.poke(`${FOLDER}/checkpoints/2-1.json`, seal('{"formatVersion":9}'))
    expect(await codeOf((await openStore(disk)).newestSound())).toBe("CHECKPOINT_MANIFEST_VERSION")
    expect(filesIn(disk, "checkpoints")).toContain("2-1.json")
  })

  test("stops when the marker cannot be believed, unless output may be repeated", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await store.markCommitted(1)
    flip(disk, `${FOLDER}/marker.json`, 5)
    const again = await openStore(disk)
    await expect(again.newestSound()).rejects.toMatchObject({
      code: "CHECKPOINT_MARKER_DAMAGED",
      message: expect.stringContaining("allowRepeat"),
    })
    expect((await again.newestSound({ allowRepeat: true })).point?.manifest.checkpointId).toBe(1)
    expect((await (await openStore(disk)).newestSound()).point?.manifest.checkpointId).toBe(1)
  })

  test("makes durable what it found: a rename that only the cache knew is there after a power failure", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    // The process is killed between the rename and the sync of the directory.
    let renamed = false
    disk.setFault(({ operation }) => {
      if (renamed) return { code: "EKILLED" }
      renamed = operation === "rename"
      return undefined
    })
    expect(await codeOf(takeCheckpoint(disk, store, 1))).toBe("CHECKPOINT_OUTCOME_UNKNOWN")
    disk.setFault(undefined)
    const again = await openStore(disk)
    expect((await again.newestSound()).point?.manifest.checkpointId).toBe(1)
    disk.crash()
    expect((await (await openStore(disk)).newestSound()).point?.manifest.checkpointId).toBe(1)
  })
})

describe("CheckpointStore.publish()", () => {
  test("makes its calls in the order of law STO-1", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    const manifest = await writeParts(disk, store, 1)
    const calls: string[] = []
    disk.setFault(({ operation, path }) => void calls.push(`${operation} ${path.replace(FOLDER, "")}`))
    await store.publish(manifest)
    const decisive = calls.filter((call) => !/^(stat|list|remove) /.test(call))
    expect(decisive).toEqual([
      "syncDirectory /parts",
      "create /checkpoints/1-1.json.tmp",
      "write /checkpoints/1-1.json.tmp",
      "sync /checkpoints/1-1.json.tmp",
      "close /checkpoints/1-1.json.tmp",
      "rename /checkpoints/1-1.json.tmp",
      "syncDirectory /checkpoints",
    ])
  })

  test("keeps `retain` checkpoints and the parts they share, and removes everything else", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk, { retain: 2 })
    const first = await takeCheckpoint(disk, store, 1)
    const bases = new Map([[0, first.subtasks[0]!.parts]])
    await writeParts(disk, store, 2, { attempt: 1 }) // never published
    for (const id of [3, 4, 5]) await takeCheckpoint(disk, store, id, { bases })
    expect(filesIn(disk, "checkpoints")).toEqual(["4-1.json", "5-1.json"])
    expect(filesIn(disk, "parts")).toEqual([
      "1-1-count-0.part",
      "4-1-count-0.part",
      "4-1-count-1.part",
      "5-1-count-0.part",
      "5-1-count-1.part",
    ])
    await takeCheckpoint(disk, store, 6)
    await takeCheckpoint(disk, store, 7)
    expect(filesIn(disk, "parts").filter((name) => !/^[67]-/.test(name))).toEqual([])
  })

  test("leaves alone what it did not name, and parts of checkpoints that are being written", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk, { retain: 1 })
    const strangers = [
      "parts/notes.txt",
      "parts/1-1-count.part.bak",
      "checkpoints/backup.json",
      "savepoints/mine",
      "hello",
    ]
    for (const name of strangers) disk.poke(`${FOLDER}/${name}`, new Uint8Array(1))
    await writeParts(disk, store, 9)
    await takeCheckpoint(disk, store, 1)
    await takeCheckpoint(disk, store, 2)
    expect(disk.files()).toEqual(expect.arrayContaining(strangers.map((name) => `${FOLDER}/${name}`)))
    expect(filesIn(disk, "parts")).toContain("9-1-count-0.part")
  })

  test("removes no part while a manifest cannot be read", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await takeCheckpoint(disk, store, 2)
    flip(disk, `${FOLDER}/checkpoints/1-1.json`, 3)
    const again = await startStore(disk)
    await takeCheckpoint(disk, again, 3)
    expect(filesIn(disk, "parts")).toContain("1-1-count-0.part")
    for (const id of [4, 5]) await takeCheckpoint(disk, again, id)
    expect(filesIn(disk, "parts")).not.toContain("1-1-count-0.part")
  })

  test("refuses a manifest of parts that are not there or not whole", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    const manifest = await writeParts(disk, store, 1)
    disk.poke(`${FOLDER}/parts/1-1-count-0.part`, new Uint8Array(3))
    expect(await codeOf(store.publish(manifest))).toBe("CHECKPOINT_PART_CUT")
    disk.lose(`${FOLDER}/parts/1-1-count-0.part`)
    expect(await codeOf(store.publish(manifest))).toBe("CHECKPOINT_PART_MISSING")
    expect((await store.newestSound()).point).toBeUndefined()
  })

  test("an attempt that has been replaced publishes nothing", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    const attempt = await store.beginAttempt()
    const late = await writeParts(disk, store, 1, { attempt })
    const next = await store.beginAttempt()
    expect(await codeOf(store.publish(late))).toBe("CHECKPOINT_FENCED")
    expect(await codeOf(store.begin({ checkpointId: 2, attempt, kind: "checkpoint" }))).toBe("CHECKPOINT_FENCED")
    await takeCheckpoint(disk, store, 1, { attempt: next })
    expect(filesIn(disk, "parts")).toEqual([`1-${next}-count-0.part`, `1-${next}-count-1.part`])
  })

  test("discardParts() removes what is named, and never what a published checkpoint names", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await writeParts(disk, store, 2)
    await store.discardParts(["parts/1-1-count-0.part", "parts/2-1-count-0.part", "parts/9-9-none-0.part"])
    expect(filesIn(disk, "parts")).toEqual(["1-1-count-0.part", "1-1-count-1.part", "2-1-count-1.part"])
  })

  test("discard() of checkpoint 1 leaves checkpoint 11 and attempt 11 alone (FLINK-3651)", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 11]) await writeParts(disk, store, id)
    for (const subtask of [0, 11]) disk.poke(`${FOLDER}/parts/1-11-count-${subtask}.part`, new Uint8Array(3))
    await store.discard({ checkpointId: 1, attempt: 1 })
    expect(filesIn(disk, "parts")).toEqual([
      "1-11-count-0.part",
      "1-11-count-11.part",
      "11-1-count-0.part",
      "11-1-count-1.part",
    ])
  })

  test("discard() removes the parts of one checkpoint and attempt, without those to be kept", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await writeParts(disk, store, 11)
    const manifest = await writeParts(disk, store, 2)
    await store.discard(manifest, [manifest.subtasks[1]!.parts[0]!.file])
    await store.discard({ checkpointId: 1, attempt: 1 })
    expect(filesIn(disk, "parts")).toEqual([
      "1-1-count-0.part",
      "1-1-count-1.part",
      "11-1-count-0.part",
      "11-1-count-1.part",
      "2-1-count-1.part",
    ])
  })
})

describe("savepoints", () => {
  test("stand alone, are never deleted, and are read from wherever they were moved", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk, { retain: 1 })
    const first = await takeCheckpoint(disk, store, 1)
    const savepoint = await writeParts(disk, store, 2, {
      kind: "savepoint",
      bases: new Map([[1, first.subtasks[1]!.parts]]),
    })
    await store.publish(savepoint)
    for (const id of [3, 4]) await takeCheckpoint(disk, store, id)
    await store.markFinished()
    expect(filesIn(disk, "parts")).toEqual([])
    await disk.rename(`${FOLDER}/savepoints/2-1`, "elsewhere")
    const point = await readSavepoint(disk, "elsewhere")
    expect(point.manifest).toEqual(savepoint)
    expect(await statesOf(disk, point)).toEqual([["a2"], ["b1", "b2"]])
    expect(await codeOf(readSavepoint(disk, FOLDER))).toBe("SAVEPOINT_INVALID")
    flip(disk, "elsewhere/parts/1-1-count-1.part", 70)
    expect(await codeOf(readSavepoint(disk, "elsewhere"))).toBe("CHECKPOINT_PART_DAMAGED")
  })

  test("a newer savepoint is preferred to an older checkpoint (FLINK-20441)", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await takeCheckpoint(disk, store, 2, { kind: "savepoint" })
    const { point } = await (await openStore(disk)).newestSound()
    expect(point?.manifest.checkpointId).toBe(2)
    expect(await statesOf(disk, point!)).toEqual([["a2"], ["b2"]])
  })

  test("one that was never published goes with the next start", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await writeParts(disk, store, 1, { kind: "savepoint" })
    expect(filesIn(disk, "savepoints")).toHaveLength(2)
    const again = await startStore(disk)
    expect(await disk.list(`${FOLDER}/savepoints`)).toEqual([])
    await writeParts(disk, again, 2, { kind: "savepoint" })
    await again.discard({ checkpointId: 2, attempt: 1 })
    expect(await disk.list(`${FOLDER}/savepoints`)).toEqual([])
  })
})

describe("CheckpointStore.markFinished()", () => {
  test("the next start begins anew, with new ids, and its own checkpoints count", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2]) await takeCheckpoint(disk, store, id)
    await takeCheckpoint(disk, store, 3, { kind: "savepoint" })
    await store.markCommitted(3)
    await store.markFinished()
    await store.close()
    const again = await openStore(disk)
    expect(await again.newestSound()).toEqual({ point: undefined, passedOver: [] })
    expect(again.highestId).toBe(3)
    expect(filesIn(disk, "checkpoints")).toEqual([])
    await takeCheckpoint(disk, again, 4)
    expect((await (await openStore(disk)).newestSound()).point?.manifest.checkpointId).toBe(4)
  })
})

describe("CheckpointStore.open()", () => {
  test("refuses a folder that a live process has, and names it", async () => {
    const disk = new SimDisk()
    await openStore(disk, { owner: owner(41) })
    const files = disk.files()
    await expect(openStore(disk, { owner: owner(42, new Set([41])) })).rejects.toMatchObject({
      code: "CHECKPOINT_DIR_LOCKED",
      details: { pid: 41 },
      message: expect.stringContaining("process 41 is running with it; stop that job"),
    })
    expect(disk.files()).toEqual(files)
    await openStore(disk, { owner: owner(42), jobName: "another job" })
  })

  test("takes over from a dead process, also one of its own pid, and notices a second store of its own", async () => {
    const disk = new SimDisk()
    await openStore(disk, { owner: owner(41) })
    const again = await openStore(disk, { owner: { ...owner(41), started: "later" } })
    await expect(openStore(disk, { owner: { ...owner(41), started: "later" } })).rejects.toMatchObject({
      code: "CHECKPOINT_DIR_LOCKED",
      message: expect.stringContaining("has it open already"),
    })
    expect(disk.files().filter((file) => file.includes("lock."))).toHaveLength(1)
    await again.close()
    await again.close()
    expect(disk.files().filter((file) => file.includes("lock."))).toHaveLength(0)
  })

  test("a process that was wrongly taken for dead publishes nothing more", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk, { owner: owner(41) })
    const manifest = await writeParts(disk, store, 1)
    await openStore(disk, { owner: owner(42) })
    expect(await codeOf(store.publish(manifest))).toBe("CHECKPOINT_PART_MISSING")
    const other = await writeParts(disk, store, 2)
    expect(await codeOf(store.publish(other))).toBe("CHECKPOINT_LOCK_LOST")
    expect(filesIn(disk, "checkpoints")).toEqual([])
  })

  test("says why a directory cannot be used, and leaves no lock behind", async () => {
    for (const operation of ["mkdir", "create"] as const) {
      const disk = new SimDisk({ fault: (call) => (call.operation === operation ? { code: "EROFS" } : undefined) })
      await expect(openStore(disk)).rejects.toMatchObject({
        code: "CHECKPOINT_DIR_UNWRITABLE",
        message: expect.stringContaining("remount the file system for writing or choose another checkpoint directory"),
      })
      expect(disk.files()).toEqual([])
    }
    expect(await codeOf(openStore(new SimDisk(), { retain: 0 }))).toBe("CHECKPOINT_RETAIN_INVALID")
  })

  test("keeps jobs apart whose names differ only in case or in odd letters", async () => {
    const disk = new SimDisk()
    const folders = await Promise.all(
      ["job", "Job", "j/../ob", "j_.._ob", "..", ""].map(
        async (jobName) => (await openStore(disk, { jobName })).folder,
      ),
    )
    expect(new Set(folders.map((folder) => folder.toLowerCase())).size).toBe(6)
    for (const folder of folders) expect(folder).toMatch(/^data\/checkpoints\/[\w~-][\w.~-]*$/)
  })
})

describe("on the real disk", () => {
  test("publishes, retains, survives a reopening, and locks", async () => {
    const root = mkdtempSync(join(tmpdir(), "millrace-store-"))
    try {
      const disk = realDisk()
      const options = { disk, directory: `${root}/${DIRECTORY}`, jobName: JOB, retain: 2 }
      const store = await CheckpointStore.open({ ...options, owner: processOwner("a") })
      await store.newestSound()
      for (const id of [1, 2, 3]) await takeCheckpoint(disk, store, id)
      await takeCheckpoint(disk, store, 4, { kind: "savepoint" })
      await store.markCommitted(3)
      expect(await codeOf(CheckpointStore.open({ ...options, owner: processOwner("b") }))).toBe("CHECKPOINT_DIR_LOCKED")
      await store.close()
      const again = await CheckpointStore.open({ ...options, owner: processOwner("c") })
      const { point } = await again.newestSound()
      expect(point?.manifest.checkpointId).toBe(4)
      expect(await statesOf(disk, point!)).toEqual([["a4"], ["b4"]])
      expect([...(await disk.list(`${again.folder}/checkpoints`))].sort()).toEqual(["2-1.json", "3-1.json"])
      const savepoint = `${again.folder}/savepoints/4-1`
      expect((await readSavepoint(disk, savepoint)).manifest.kind).toBe("savepoint")
      // A link in place of a part may lead anywhere: it is no part.
      renameSync(`${savepoint}/parts/4-1-count-0.part`, `${root}/moved`)
      symlinkSync(`${root}/moved`, `${savepoint}/parts/4-1-count-0.part`)
      expect(await codeOf(readSavepoint(disk, savepoint))).toBe("CHECKPOINT_PART_DAMAGED")
      expect((await again.newestSound({ allowRepeat: true })).point?.manifest.checkpointId).toBe(3)
      await again.close()
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})
