import { medianFigures } from '../measure/figures.js';
import { readFlags } from '../measure/flags.js';
import { machine } from '../measure/machine.js';
import { DATA_ROOT, measureUndisturbed, type Measured, type StartOptions } from '../measure/measure-undisturbed.js';
import type { Parameters } from '../measure/program.js';
import { startEtcd } from '../subject/etcd.js';
import { startRollcall } from '../subject/rollcall.js';
import type { Subject, SubjectName, SubjectOptions } from '../subject/subject.js';
import { publish } from './publish.js';
import { rowReport, type ScenarioReport, type SubjectReport } from './report.js';
import type { Scenario } from './scenario.js';
import { table } from './table.js';

const SUBJECTS: Readonly<Record<SubjectName, (options: SubjectOptions) => Promise<Subject>>> = {
  rollcall: startRollcall,
  etcd: startEtcd,
};

interface Measurements {
  version: string;
  readonly each: Measured[];
}

/**
 * Runs a scenario by its flags: the subjects take turns, `--runs` times each.
 * Prints a table, and publishes what a full run of both came to.
 */
export async function runScenario<P extends Parameters>(scenario: Scenario<P>, argv: readonly string[]): Promise<void> {
  const { parameters, quick, runs, waitQuietMs, runtimeArgs, subjects } = readFlags(scenario, argv);
  const log = (message: string) => void process.stderr.write(`${scenario.name}: ${message}\n`);
  const names = (subjects ?? Object.keys(SUBJECTS)).map(subjectName);
  const measurements = new Map(names.map((name): [SubjectName, Measurements] => [name, { version: '', each: [] }]));
  for (let round = 1; round <= runs; round++) {
    for (const [name, measured] of measurements) {
      const startSubject = async (options: StartOptions) => {
        const subject = await SUBJECTS[name]({ ...options, runtimeArgs });
        measured.version = subject.version;
        return subject;
      };
      const once = await measureUndisturbed(scenario, parameters, { log, waitQuietMs, startSubject });
      measured.each.push(once);
      log(`${name}, round ${round} of ${runs}: ${JSON.stringify(medianFigures([once.figures]))}`);
    }
  }

  const reports = Object.fromEntries([...measurements].map(([name, measured]) => [name, subjectReport(measured)]));
  const report: ScenarioReport = {
    scenario: scenario.name,
    parameters,
    rounds: runs,
    rows: scenario.rows.map((row) => rowReport(row, reports)),
    subjects: reports,
  };
  process.stdout.write(`${table(report)}\n`);
  if (!quick && names.length === Object.keys(SUBJECTS).length)
    publish(report, { on: machine(DATA_ROOT), growths: scenario.growths });
}

function subjectReport({ version, each }: Measurements): SubjectReport {
  return {
    version,
    othersCores: each.map(({ othersCores }) => othersCores),
    figures: each.map(({ figures }) => medianFigures([figures])),
  };
}

function subjectName(name: string): SubjectName {
  if (!Object.hasOwn(SUBJECTS, name)) throw new Error(`there is no subject ${name}; there are rollcall and etcd`);
  return name as SubjectName;
}
