/**
 * Wrong engines, each by one change of one file. A law that does not kill its mutants is no law: `npm run props:mutants`.
 * `find` must stand exactly once in the file; a mutant whose place has gone fails loudly and is to be written anew.
 *
 * @typedef {{ name: string, file: string, find: string, replace: string, props: readonly string[] }} Mutant
 */
const BARRIERS = ["barriers"]
const COORDINATOR = ["coordinator"]
const STORE = ["store"]
const PIPELINES = ["pipelines"]
const INTERLEAVINGS = ["exhaustive-ring"]

/** @type {readonly Mutant[]} */
export const MUTANTS = [
  // Barriers
  {
    name: "aligned: a channel whose barrier has come is read on",
    file: "src/snapshot/barriers/aligned-barriers.ts",
    find: '      this.#held[channel] = true\n      this.#actions.push({ type: "hold", channel })',
    replace: "      this.#held[channel] = false",
    props: BARRIERS,
  },
  {
    name: "aligned: an older barrier begins anew",
    file: "src/snapshot/barriers/aligned-barriers.ts",
    find: "if (checkpointId <= this.#newestId) return this.#actions",
    replace: "if (checkpointId < 0) return this.#actions",
    props: BARRIERS,
  },
  {
    name: "aligned: an ended channel is waited for",
    file: "src/snapshot/barriers/aligned-barriers.ts",
    find: "if (!this.#held[channel]) this.#missing -= 1\n        if (this.#missing === 0) this.#capture()",
    replace: "void channel",
    props: BARRIERS,
  },
  {
    name: "aligned: an abort leaves channels held",
    file: "src/snapshot/barriers/aligned-barriers.ts",
    find: '    this.#actions.push({ type: "abort", checkpointId: this.#newestId, reason })\n    this.#release()',
    replace: '    this.#actions.push({ type: "abort", checkpointId: this.#newestId, reason })',
    props: BARRIERS,
  },
  {
    name: "aligned: captures at the first barrier",
    file: "src/snapshot/barriers/aligned-barriers.ts",
    find: "    this.#missing -= 1\n    if (this.#missing === 0) this.#capture()\n    else {",
    replace: "    this.#missing -= 1\n    if (this.#missing >= 0) this.#capture()\n    else {",
    props: BARRIERS,
  },
  {
    name: "at least once: an ended channel is waited for",
    file: "src/snapshot/barriers/at-least-once-barriers.ts",
    find: "for (const pending of this.#pending) if (!pending.delivered[channel]) pending.missing -= 1",
    replace: "void channel",
    props: BARRIERS,
  },
  {
    name: "unaligned: a channel with its barrier in the queue is not saved",
    file: "src/snapshot/barriers/unaligned-barriers.ts",
    find: "if (this.#open.isOpen(channel) && this.#marks[channel] !== Mark.TAKEN) channelsToSave.push(channel)",
    replace: "if (this.#open.isOpen(channel) && this.#marks[channel] === Mark.NONE) channelsToSave.push(channel)",
    props: BARRIERS,
  },
  {
    name: "unaligned: the timeout counts from the first barrier's arrival",
    file: "src/snapshot/barriers/unaligned-barriers.ts",
    find: "        : bornMs + this.#timeoutMs",
    replace: "        : bornMs + this.#timeoutMs + 1",
    props: BARRIERS,
  },
  {
    name: "unaligned: complete while a channel is still to be saved",
    file: "src/snapshot/barriers/unaligned-barriers.ts",
    find: "    this.#missing = channelsToSave.length\n    if (this.#missing === 0) this.#complete()",
    replace: "    this.#missing = channelsToSave.length\n    this.#complete()",
    props: BARRIERS,
  },
  // Coordinator
  {
    name: "coordinator: a late acknowledgement of another attempt counts",
    file: "src/snapshot/coordinator.ts",
    find: "      message.attempt === this.#attempt &&\n",
    replace: "",
    props: COORDINATOR,
  },
  {
    name: "coordinator: an acknowledgement of an older checkpoint counts",
    file: "src/snapshot/coordinator.ts",
    find: " &&\n      message.checkpointId === this.#current!.checkpointId",
    replace: "",
    props: COORDINATOR,
  },
  {
    name: "coordinator: a subtask that ends in the middle is waited for",
    file: "src/snapshot/coordinator.ts",
    find: "    this.#current!.missing.delete(key)\n    this.#publishIfWhole(actions)\n    return actions\n  }\n\n  /**\n",
    replace: "    this.#publishIfWhole(actions)\n    return actions\n  }\n\n  /**\n",
    props: COORDINATOR,
  },
  {
    name: "coordinator: the final state in place of the acknowledged one",
    file: "src/snapshot/coordinator.ts",
    find: "return acks.has(key)\n",
    replace: "return acks.has(key) && !this.#finals.has(key)\n",
    props: COORDINATOR,
  },
  {
    name: "coordinator: an id is used twice",
    file: "src/snapshot/coordinator.ts",
    find: "    this.#nextId += 1\n",
    replace: "",
    props: COORDINATOR,
  },
  {
    name: "coordinator: published with a part missing",
    file: "src/snapshot/coordinator.ts",
    find: "    if (missing.size > 0) return\n",
    replace: "    if (missing.size > 1) return\n",
    props: COORDINATOR,
  },
  // Store
  {
    name: "store: the manifest is not synced before its rename",
    file: "src/snapshot/store/_marker.ts",
    find: "    await file.sync()\n",
    replace: "",
    props: STORE,
  },
  {
    name: "store: the directory is not synced after the rename",
    file: "src/snapshot/store/checkpoint-store.ts",
    find: "      await this.#disk.rename(move.from, move.to)\n      await this.#disk.syncDirectory(move.directory)\n    } catch (error) {\n      this.#uncertain = move",
    replace: "      await this.#disk.rename(move.from, move.to)\n    } catch (error) {\n      this.#uncertain = move",
    props: STORE,
  },
  {
    name: "store: the names of parts are not made durable",
    file: "src/snapshot/store/checkpoint-store.ts",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the engine's own text
    find: "      await this.#disk.syncDirectory(`${this.folder}/${PARTS}`)\n      await removeIfThere(this.#disk, temporary)",
    replace: "      await removeIfThere(this.#disk, temporary)",
    props: STORE,
  },
  {
    name: "store: a part is not synced",
    file: "src/snapshot/store/part-writer.ts",
    find: "      await this.#handle.sync()\n",
    replace: "",
    props: STORE,
  },
  {
    name: "store: the checksum of a block is not looked at",
    file: "src/snapshot/store/part-reader.ts",
    find: "    if (checksum === block.checksum) return\n",
    replace: "    if (checksum >= 0) return\n",
    props: STORE,
  },
  {
    name: "store: a short read is taken for the whole",
    file: "src/snapshot/store/_read-file.ts",
    find: "    done += count\n  }\n  return done",
    replace: "    done += count\n    return into.length\n  }\n  return done",
    props: STORE,
  },
  {
    name: "store: parts go although a retained manifest names them",
    file: "src/snapshot/store/checkpoint-store.ts",
    find: "|| part.checkpointId > limitId || named.has(file)) continue",
    replace: "|| part.checkpointId >= limitId) continue",
    props: STORE,
  },
  {
    name: "store: an attempt that was replaced publishes",
    file: "src/snapshot/store/checkpoint-store.ts",
    find: "    throw fenced(attempt, this.#attempt)\n",
    replace: "",
    props: ["store-fences"],
  },
  {
    name: "store: goes back behind what sinks have committed",
    file: "src/snapshot/store/checkpoint-store.ts",
    find: "if (repeats && !allowRepeat) throw committedDamaged",
    replace: "if (repeats && allowRepeat) throw committedDamaged",
    props: ["store-fences"],
  },
  // Time and state
  {
    name: "watermarks: an idle input still holds the minimum back",
    file: "src/time/watermark-merger.ts",
    find: "    this.#states[channel] = ChannelState.IDLE\n    this.#active--\n    return this.#combine()",
    replace: "    return NO_CHANGE",
    props: ["time"],
  },
  {
    name: "watermarks: one that goes back is taken",
    file: "src/time/watermark-merger.ts",
    find: "    if (watermarkMs > before) this.#marks[channel] = watermarkMs\n    else if (!woke) return NO_CHANGE",
    replace: "    this.#marks[channel] = watermarkMs",
    props: ["time"],
  },
  {
    name: "watermarks: the input that moves last leads",
    file: "src/time/watermark-merger.ts",
    find: "return woke || before <= this.#combinedMs ? this.#combine() : NO_CHANGE",
    replace: "return this.#marks[channel]! > this.#combinedMs ? (this.#combinedMs = this.#marks[channel]!) : NO_CHANGE",
    props: ["time"],
  },
  {
    name: "timers: fire one too early",
    file: "src/time/timer-queue.ts",
    find: "this.#times[0]! > watermarkMs) return undefined",
    replace: "this.#times[0]! > watermarkMs + 1) return undefined",
    props: ["time"],
  },
  {
    name: "timers: a deleted one fires",
    file: "src/time/timer-queue.ts",
    find: "    this.#noteRemoval(entry)\n    this.#remove(entry)\n    return true",
    replace: "    this.#noteRemoval(entry)\n    this.#forget(entry)\n    return true",
    props: ["time"],
  },
  {
    name: "timers: what takes the place of a deleted one may be due before what is above it",
    file: "src/time/timer-queue.ts",
    find: "    if (this.#before(last, entry)) this.#rise(place, last)\n    else this.#sink(place, last)",
    replace: "    this.#sink(place, last)",
    props: ["time"],
  },
  {
    name: "state: what changes while it is captured is captured changed",
    file: "src/state/heap-keyed-store.ts",
    find: "    if (this.#watched) this.#touch(group, identity)\n    this.#groupAt(group).set(identity, value)",
    replace: "    this.#groupAt(group).set(identity, value)",
    props: ["state-tables", "incremental"],
  },
  {
    name: "state: a cancelled capture forgets what it took",
    file: "src/state/heap-keyed-store.ts",
    find: "      onCancel: () => this.#takeBack(changed),",
    replace: "      onCancel: () => undefined,",
    props: ["state-tables", "incremental"],
  },
  {
    name: "key groups: the owner of a group is another at restore than at the exchange",
    file: "src/actors/edge-writer.ts",
    find: "channels[subtaskOfKeyGroup(group, keyGroups, channels.length)]!,",
    replace: "channels[group % channels.length]!,",
    props: PIPELINES,
  },
  // Windows
  {
    name: "windows: late one ms too late",
    file: "src/windows/aligned-window-operator.ts",
    find: "    if (end - 1 + this.#latenessMs <= this.#watermarkMs) return undefined",
    replace: "    if (end - 1 + this.#latenessMs < this.#watermarkMs) return undefined",
    props: ["windows", "window-kinds"],
  },
  {
    name: "windows: a full output loses a result",
    file: "src/windows/aligned-window-operator.ts",
    find: "        if (left === 0 || out.full) {\n          this.#purge()",
    replace: "        if (left === 0 || out.full) {\n          pane.cursor += 1\n          this.#purge()",
    props: ["windows", "window-kinds"],
  },
  // Rings
  {
    name: "ring: more records than there is credit for",
    file: "src/mailbox/spsc-ring.ts",
    find: "    if (inFlight > 0 && inFlight + records > this.#memory.capacityRecords) return false\n",
    replace: "",
    props: ["ring"],
  },
  {
    name: "ring: a frame crosses the end",
    file: "src/mailbox/spsc-ring.ts",
    find: "const skippedBytes = frameBytes <= restBytes ? 0 : restBytes",
    replace: "const skippedBytes = frameBytes <= restBytes + 8 ? 0 : restBytes",
    props: ["ring"],
  },
  // Rings and doorbells, between any two accesses of the other thread
  {
    name: "ring: published before it is written",
    file: "src/mailbox/spsc-ring.ts",
    find: "      const payloadAt = at + FRAME_HEADER_BYTES\n      this.#codec.write(",
    replace:
      "      const payloadAt = at + FRAME_HEADER_BYTES\n      Atomics.store(this.#memory.words, Word.PUBLISHED, (this.#published + frameBytes) | 0)\n      this.#codec.write(",
    props: INTERLEAVINGS,
  },
  {
    name: "ring: one record more than there is credit for",
    file: "src/mailbox/spsc-ring.ts",
    find: "inFlight + records > this.#memory.capacityRecords) return false",
    replace: "inFlight + records > this.#memory.capacityRecords + 1) return false",
    props: INTERLEAVINGS,
  },
  {
    name: "ring: room is given back before it is read",
    file: "src/mailbox/spsc-ring.ts",
    find: "      return this.#decode(payload, records, at)",
    replace:
      "      Atomics.store(this.#memory.words, Word.RELEASED, this.#cursor)\n      return this.#decode(payload, records, at)",
    props: INTERLEAVINGS,
  },
  {
    name: "ring: the receiver is rung before the frame is published",
    file: "src/mailbox/spsc-ring.ts",
    find: "    // The one store that publishes:",
    replace:
      "    this.#receiverBell.ring()\n    if (frameBytes > 0) return void Atomics.store(this.#memory.words, Word.PUBLISHED, this.#published)\n    // The one store that publishes:",
    props: INTERLEAVINGS,
  },
  {
    name: "ring: the sender is rung before the credit is given back",
    file: "src/mailbox/spsc-ring.ts",
    find: "    Atomics.store(words, Word.RELEASED_UNITS + kind, this.#releasedUnits[kind]!)\n    this.#senderBell.ring()",
    replace:
      "    this.#senderBell.ring()\n    Atomics.store(words, Word.RELEASED_UNITS + kind, this.#releasedUnits[kind]!)",
    props: INTERLEAVINGS,
  },
  {
    name: "announcement: it does not show that it is being written",
    file: "src/mailbox/_ring-announcement.ts",
    find: "  Atomics.store(words, Word.ANNOUNCED_SEQUENCE, sequence | 1)\n",
    replace: "",
    props: INTERLEAVINGS,
  },
  {
    name: "announcement: the reader does not look whether a newer one came in between",
    file: "src/mailbox/_ring-announcement.ts",
    find: "    if (Atomics.load(words, Word.ANNOUNCED_SEQUENCE) !== sequence) return this.#latest\n",
    replace: "",
    props: INTERLEAVINGS,
  },
  {
    name: "doorbell: the sleeper waits for a change since its last look, not since before it",
    file: "src/mailbox/doorbell.ts",
    find: "waitAsync(this.#words, SEQUENCE, this.#preparedSequence)",
    replace: "waitAsync(this.#words, SEQUENCE, Atomics.load(this.#words, SEQUENCE))",
    props: INTERLEAVINGS,
  },
  {
    name: "doorbell: the ringer takes the sleeper's flag down",
    file: "src/mailbox/doorbell.ts",
    find: "    Atomics.add(this.#words, SEQUENCE, 1)\n    Atomics.notify(this.#words, SEQUENCE)",
    replace:
      "    Atomics.add(this.#words, SEQUENCE, 1)\n    Atomics.notify(this.#words, SEQUENCE)\n    Atomics.store(this.#words, SLEEPING, 0)",
    props: INTERLEAVINGS,
  },
  {
    name: "doorbell: the ringer does not change the sequence",
    file: "src/mailbox/doorbell.ts",
    find: "    Atomics.add(this.#words, SEQUENCE, 1)\n",
    replace: "",
    props: INTERLEAVINGS,
  },
  // Whole pipelines
  {
    name: "subtask: the barrier leaves before the records behind it are sent",
    file: "src/actors/out-channel.ts",
    find: "  mark(element: ControlElement): void {\n    this.#seal()\n    this.#send(element)",
    replace: "  mark(element: ControlElement): void {\n    this.#send(element)",
    props: PIPELINES,
  },
  {
    name: "subtask: the barrier is not sent to the first output",
    file: "src/actors/subtask.ts",
    find: "      : this.#outputs.map((channel) => channel.mark(barrier))",
    replace: "      : this.#outputs.map((channel, index) => (index === 0 ? undefined : channel.mark(barrier)))",
    props: PIPELINES,
  },
  {
    name: "subtask: what sinks prepared for a failed checkpoint is forgotten",
    file: "src/actors/subtask.ts",
    find: "      prepared: this.#allUncommitted(),\n      progress: input.progress,",
    replace: "      prepared: capture.prepared,\n      progress: input.progress,",
    props: PIPELINES,
  },
  {
    name: "subtask: sinks go on writing while they cut their output",
    file: "src/actors/output-cut.ts",
    find: "    this.#holds = true\n",
    replace: "    this.#holds = false\n",
    props: PIPELINES,
  },
  {
    name: "source: records of the batch that was begun are read again",
    file: "src/actors/source-reader.ts",
    find: "skip: this.#batch === undefined ? this.#skip : this.#next,",
    replace: "skip: this.#batch === undefined ? this.#skip : 0,",
    props: PIPELINES,
  },
  {
    name: "source: one record too many is skipped",
    file: "src/actors/source-reader.ts",
    find: "    this.#skip = progress.skip\n",
    replace: "    this.#skip = progress.skip > 0 ? progress.skip + 1 : 0\n",
    props: PIPELINES,
  },
  {
    name: "source: a split that comes between trigger and barrier is read, and is in the checkpoint as waiting",
    file: "src/actors/source-reader.ts",
    find: "    if (this.barrierDue !== undefined) this.#keptBack = assignment",
    replace: "    if (this.barrierDue !== undefined) this.#take(assignment)",
    props: PIPELINES,
  },
  {
    name: "checkpoint: sinks commit before the manifest is published",
    file: "src/actors/checkpointing.ts",
    find: "    try {\n      await this.#write(manifest)",
    replace: "    await commitOf(manifest, this.#options.sinks, false)\n    try {\n      await this.#write(manifest)",
    props: PIPELINES,
  },
  {
    name: "job: a restore does not commit what its checkpoint holds",
    file: "src/actors/job.ts",
    find: "      await durability!.commitOf(manifest, sinks, false)\n",
    replace: "      void sinks\n",
    props: PIPELINES,
  },
  {
    name: "job: what was prepared behind the checkpoint is left open",
    file: "src/actors/job.ts",
    find: "    if (store !== undefined) await this.#abortSinks()\n",
    replace: "",
    props: PIPELINES,
  },
  {
    name: "job: no last checkpoint at the end of the input",
    file: "src/actors/job.ts",
    find: "        else if (store !== undefined) await checkpointing!.finish()",
    replace: "        else if (store !== undefined) void checkpointing",
    props: PIPELINES,
  },
  {
    name: "restore: state of one former subtask alone",
    file: "src/actors/restore.ts",
    find: "  for (const share of restore.subtasks) {\n",
    replace: "  for (const share of restore.subtasks) {\n    if (share.subtask !== subtask) continue\n",
    props: PIPELINES,
  },
  {
    name: "restore: records in flight are forgotten",
    file: "src/actors/deployment.ts",
    find: "    input.restore(await readInFlight(",
    replace: "    void (await readInFlight(",
    props: PIPELINES,
  },
  {
    name: "exchange: a broadcast leaves out the last receiver",
    file: "src/actors/edge-writer.ts",
    find: "    for (const channel of this.channels) channel.append(value, timeMs)",
    replace:
      "    for (const channel of this.channels.slice(0, Math.max(1, this.channels.length - 1))) channel.append(value, timeMs)",
    props: PIPELINES,
  },
  {
    name: "gate: the end of one channel is the end of all",
    file: "src/actors/input-gate.ts",
    find: "        this.#open -= 1\n",
    replace: "        this.#open = 0\n",
    props: PIPELINES,
  },
]
