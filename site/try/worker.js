// Python, in a thread of its own, so that the page stays alive whatever the code does.

import { loadPyodide } from "../pyodide/pyodide.mjs";

const say = (message) => postMessage({ kind: "stage", message });
let runner;

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: status ${answer.status}`);
  return answer;
}

async function start() {
  const archives = ["sympy.zip", "book.zip"].map(async (name) =>
    (await fetched(name)).arrayBuffer(),
  );
  say("Loading Python");
  const python = await loadPyodide({
    indexURL: new URL("../pyodide/", import.meta.url).href,
    packageBaseUrl: new URL("../pyodide/", import.meta.url).href,
    // nothing else is to be had: no package is ever fetched from anywhere
    lockFileContents: {
      info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten", python: "3.14", version: "0" },
      packages: {},
    },
    checkAPIVersion: false,
  });
  const packages = python.runPython("import site; site.getsitepackages()[0]");
  for (const archive of archives) {
    python.unpackArchive(await archive, "zip", { extractDir: packages });
  }
  say("Loading SymPy");
  await python.runPythonAsync("import sympy");
  say("Loading the checker");
  const source = await (await fetched("runner.py")).text();
  python.FS.writeFile(`${packages}/runner.py`, source);
  await python.runPythonAsync("import matrixproof, lmmbook.exercises, runner");
  runner = python.pyimport("runner");
  postMessage({ kind: "ready" });
}

onmessage = ({ data }) => {
  const parts = runner.run(data.code);
  postMessage({ kind: "done", parts: parts.toJs() });
  parts.destroy();
};

start().catch((error) => postMessage({ kind: "failed", message: String(error.message || error) }));
