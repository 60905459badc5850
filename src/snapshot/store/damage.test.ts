/** Checkpoints in a real directory, and what becomes of a restore when any one of their files is torn, cut, flipped or gone. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { JOB, startStore, statesOf, takeCheckpoint } from "./_fixtures.ts"
import { realDisk } from "./real-disk.ts"

const disk = realDisk()
let home: string
let sound: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "millrace-damage-"))
  sound = join(home, "sound")
  const store = await startStore(disk, { directory: sound })
  for (const id of [1, 2, 3]) await takeCheckpoint(disk, store, id)
  // Sinks have committed the second: a restore may go back to it, and no further.
  await store.markCommitted(2)
  await store.close()
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

type Outcome = { readonly used: number; readonly warned: boolean } | { readonly refused: string }

/** Starts from a copy in which `change` was done; what it uses must be as it was written. */
async function startWith(change: (folder: string) => void): Promise<Outcome> {
  const directory = join(home, "copy")
  rmSync(directory, { recursive: true, force: true })
  cpSync(sound, directory, { recursive: true })
  change(join(directory, JOB))
  const warnings: string[] = []
  const onWarning = (warning: { code: string }): unknown => warnings.push(warning.code)
  let store: Awaited<ReturnType<typeof startStore>> | undefined
  try {
    store = await startStore(disk, { directory, onWarning })
    const { point } = await store.newestSound()
    const id = point!.manifest.checkpointId
    expect(await statesOf(disk, point!)).toEqual([[`a${id}`], [`b${id}`]])
    return { used: id, warned: warnings.includes("CHECKPOINT_PASSED_OVER") }
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === undefined) throw error
    if (code === "CHECKPOINT_READ_FAILED") throw error
    return { refused: code }
  } finally {
    await store?.close()
  }
}

const DAMAGES: readonly [string, (bytes: Buffer, at: number) => Buffer][] = [
  ["cut", (bytes, at) => bytes.subarray(0, at)],
  [
    "flipped",
    (bytes, at) => {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << (at % 8)
      return flipped
    },
  ],
  ["torn: zeros from here on", (bytes, at) => Buffer.concat([bytes.subarray(0, at), Buffer.alloc(bytes.length - at)])],
]
/** Of each file and each way. More with DAMAGE_POSITIONS=200. */
const POSITIONS = Number(process.env.DAMAGE_POSITIONS ?? 3)

function damageEverywhere(name: string): Promise<Outcome[]> {
  const bytes = readFileSync(join(sound, JOB, name))
  const positions = Array.from({ length: POSITIONS }, (_, index) =>
    Math.floor((index * (bytes.length - 1)) / POSITIONS),
  )
  return positions.reduce<Promise<Outcome[]>>(async (before, at) => {
    const outcomes = await before
    for (const [, damage] of DAMAGES) {
      outcomes.push(await startWith((folder) => writeFileSync(join(folder, name), damage(bytes, at))))
    }
    return outcomes
  }, Promise.resolve([]))
}

const filesOf = (folder: string, id: number): string[] =>
  readdirSync(join(sound, JOB, folder))
    .filter((name) => name.startsWith(`${id}-`))
    .map((name) => `${folder}/${name}`)

describe("a checkpoint directory of which one file is damaged", () => {
  test("the newest checkpoint: passed over with a warning, at every position and in every way", async () => {
    const files = [...filesOf("checkpoints", 3), ...filesOf("parts", 3)]
    expect(files.length).toBe(3)
    for (const name of files) {
      expect(new Set((await damageEverywhere(name)).map((each) => JSON.stringify(each)))).toEqual(
        new Set([JSON.stringify({ used: 2, warned: true })]),
      )
    }
  })

  test("a file of it that is gone: passed over when it is a part; without its manifest it was never there", async () => {
    for (const name of filesOf("parts", 3)) {
      expect(await startWith((folder) => rmSync(join(folder, name)))).toEqual({ used: 2, warned: true })
    }
    const [manifest] = filesOf("checkpoints", 3)
    expect(await startWith((folder) => rmSync(join(folder, manifest!)))).toEqual({ used: 2, warned: false })
  })

  test("an older one: harmless", async () => {
    for (const name of [...filesOf("checkpoints", 1), ...filesOf("parts", 2)]) {
      for (const outcome of await damageEverywhere(name)) expect(outcome).toEqual({ used: 3, warned: false })
    }
  })

  test("the newest two: refused, since the output of the second is committed", async () => {
    const outcome = await startWith((folder) => {
      for (const id of [2, 3]) for (const name of filesOf("parts", id)) writeFileSync(join(folder, name), "")
    })
    expect(outcome).toEqual({ refused: "CHECKPOINT_COMMITTED_DAMAGED" })
  })

  test("the note of what is committed: the job stops and says so", async () => {
    const outcomes = await damageEverywhere("marker.json")
    expect(new Set(outcomes.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ refused: "CHECKPOINT_MARKER_DAMAGED" })]),
    )
  })
})
