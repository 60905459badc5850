import { type CheckpointReport, type InspectReport, type OperatorReport, plainJson } from "../actors/inspect.ts"
import { shortBytes, wholeCount } from "./_figures.ts"
import { clip, type Paint } from "./_terminal.ts"

/** Of a value in one line. */
const SAMPLE_COLUMNS = 160
const SPLITS_SHOWN = 10

/** What is saved in a folder, for people. */
export function inspectLines({ folder, marker, checkpoints, problems, shown }: InspectReport, paint: Paint): string[] {
  const known =
    marker === null
      ? []
      : [
          marker.finished === null
            ? `output committed up to ${marker.committed === null ? "nothing yet" : `checkpoint ${marker.committed}`}`
            : `the job ended after checkpoint ${marker.finished}`,
          ...(marker.elsewhere === null ? [] : [`goes on from the savepoint in ${marker.elsewhere}`]),
        ]
  return [
    paint("bold", folder),
    ...known,
    ...checkpoints.map(({ checkpointId, kind, createdAt, sizeBytes, file, problems: damage }) => {
      const what = checkpointId === null ? file : `${kind} ${checkpointId}  ${createdAt}  ${shortBytes(sizeBytes ?? 0)}`
      return damage.length === 0 ? `  ${what}  sound` : `  ${what}  ${paint("red", "damaged")}`
    }),
    ...[...problems, ...checkpoints.flatMap((each) => each.problems)].map(
      ({ code, message }) => `${paint("red", code)} ${message}`,
    ),
    ...(shown === null ? [] : ["", ...checkpointLines(shown, paint)]),
  ]
}

function checkpointLines(shown: CheckpointReport, paint: Paint): string[] {
  const { kind, checkpointId, attempt, jobName, runId, createdAt, sizeBytes, keyGroups, origin, rescaled } = shown
  return [
    paint("bold", `${kind} ${checkpointId} of job ${jobName}`),
    `run ${runId}, attempt ${attempt}, ${createdAt}, ${shortBytes(sizeBytes)} of state in ${wholeCount(keyGroups)} key groups`,
    ...(origin === null || origin === undefined
      ? []
      : [`began from checkpoint ${origin.checkpointId} of run ${origin.runId}`]),
    ...(rescaled === null || rescaled === undefined
      ? []
      : [`rescaled: ${rescaled.operators.map((each) => `${each.operatorId}=${each.parallelism}`).join(" ")}`]),
    "",
    paint("dim", "operators"),
    ...shown.operators.flatMap((operator) => operatorLines(operator, paint)),
    ...shown.sources.flatMap(({ operatorId, reading, remaining }) => [
      "",
      paint("dim", `splits of ${operatorId}`),
      ...reading
        .slice(0, SPLITS_SHOWN)
        .map(
          ({ id, subtask, position, skip }) => `  ${id}  read by ${subtask}, at ${json(position)} and ${skip} records`,
        ),
      ...(reading.length > SPLITS_SHOWN ? [`  and ${reading.length - SPLITS_SHOWN} more that are being read`] : []),
      `  ${wholeCount(remaining.length)} not begun${remaining.length === 0 ? "" : `: ${remaining.slice(0, SPLITS_SHOWN).join(", ")}${remaining.length > SPLITS_SHOWN ? ", ..." : ""}`}`,
    ]),
    ...shown.committables.flatMap(({ operatorId, committables }) => [
      "",
      paint("dim", `${wholeCount(committables.length)} committables of ${operatorId}`),
      ...committables.slice(0, SPLITS_SHOWN).map((each) => `  ${json(each)}`),
    ]),
    ...(shown.inFlight.length === 0 ? [] : ["", paint("dim", "records in flight")]),
    ...shown.inFlight.map(({ from, to, records }) => `  ${from} -> ${to}  ${wholeCount(records)}`),
  ]
}

function operatorLines({ operatorId, kind, parallelism, watermarkMs, tables }: OperatorReport, paint: Paint): string[] {
  const watermark = watermarkMs === null ? "" : `  watermark ${new Date(watermarkMs).toISOString()}`
  return [
    `  ${operatorId} x${parallelism}  ${kind}${watermark}`,
    ...tables.flatMap(({ table, entries, changes, bytes, keyGroups, samples }) => [
      `    ${table}  ${wholeCount(entries)} entries${changes === 0 ? "" : ` and ${wholeCount(changes)} changes since`}, ${shortBytes(bytes)}, ${wholeCount(keyGroups)} key groups`,
      ...samples.map(({ key, namespace, value }) => {
        const place = namespace === null ? json(key) : `${json(key)} @ ${namespace}`
        return paint("cyan", `      ${clip(`${place}  ${json(value)}`, SAMPLE_COLUMNS)}`)
      }),
    ]),
  ]
}

function json(value: unknown): string {
  return JSON.stringify(value, plainJson) ?? "undefined"
}
