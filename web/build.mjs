// Builds the page into src/latlas/page: one script, one style sheet, one worker, the runtime of
// the nets and index.html. With --watch again at each change; with --tests the unit tests instead.

import { build, context } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const page = process.env.LATLAS_PAGE ?? join(here, "..", "src", "latlas", "page");
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
  legalComments: "eof",
  // An exported page is in another encoding than UTF-8.
  charset: "ascii",
};

// What of other people's work is in the page; npm's folder has its licences.
const PACKAGES = [
  "preact",
  "@preact/signals",
  "@preact/signals-core",
  "onnxruntime-web",
  "onnxruntime-common",
];
const MICROSOFT = `MIT License

Copyright (c) Microsoft Corporation

`;

/** The licences of what the page carries, as text of ASCII; the file must travel with the page. */
async function thirdParty() {
  const modules = join(here, "node_modules");
  const mit = await readFile(join(modules, "preact", "LICENSE"), "utf8");
  const grant = mit.slice(mit.indexOf("Permission is hereby granted"));
  const parts = ["The page of latlas carries these packages. Their licences ask for this text."];
  for (const name of PACKAGES) {
    const facts = JSON.parse(await readFile(join(modules, name, "package.json"), "utf8"));
    const own = await readFile(join(modules, name, "LICENSE"), "utf8").catch(() => "");
    // The packages of ONNX Runtime name the licence of their project and leave its text out.
    if (!own && !(name.startsWith("onnxruntime-") && facts.license === "MIT")) {
      throw new Error(`${name} ${facts.version} (${facts.license}) has no licence text`);
    }
    const notes = name.startsWith("onnxruntime-")
      ? "\nNotices of what ONNX Runtime itself is made of:\n" +
        "https://github.com/microsoft/onnxruntime/blob/main/ThirdPartyNotices.txt\n"
      : "";
    const head = `${"-".repeat(72)}\n${name} ${facts.version}, licence ${facts.license}\n`;
    parts.push(`${head}\n${(own || MICROSOFT + grant).trim()}\n${notes}`);
  }
  return parts.join("\n\n").replace(/\r/g, "").replace(/[^\x00-\x7f]/g, "?");
}

/** Ends the build where the page carries a package whose licence nobody has looked at. */
function checkPackages(results) {
  for (const path of results.flatMap((each) => Object.keys(each.metafile.inputs))) {
    const name = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1];
    if (name && !PACKAGES.includes(name)) {
      throw new Error(`the page carries ${name}; add it to PACKAGES in web/build.mjs`);
    }
  }
}

if (process.argv.includes("--tests")) {
  const out = join(here, "..", "build", "web-tests");
  await rm(out, { recursive: true, force: true });
  const names = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: names.map((name) => join("test", name)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    sourcemap: "inline",
  });
} else {
  await mkdir(page, { recursive: true });
  await copyFile(join(here, "src", "index.html"), join(page, "index.html"));
  await writeFile(join(page, "THIRD_PARTY.txt"), await thirdParty());
  const runtime = join(here, "node_modules", "onnxruntime-web", "dist");
  await copyFile(join(runtime, "ort-wasm-simd-threaded.wasm"), join(page, "ort.wasm"));
  const options = [
    { ...common, entryPoints: { latlas: "src/main.tsx" }, outdir: page, minify: true },
    // A classic worker, so that it can also be started from a string in an exported file.
    {
      ...common,
      format: "iife",
      entryPoints: { worker: "src/compute/worker.ts" },
      outdir: page,
      minify: true,
      // The place that the worker was started from, which may be a Blob.
      define: { "import.meta.url": "self.location.href" },
    },
  ];
  if (process.argv.includes("--watch")) {
    for (const each of options) await (await context(each)).watch();
  } else {
    checkPackages(await Promise.all(options.map((each) => build({ ...each, metafile: true }))));
  }
}
