// Parse all mathematics of built pages with the very MathJax that the pages load.
//
//     node check_tex.js SITE PAGE...      prints one JSON object
//
// startup.js is run here as in a browser, except that the page is a lite DOM: MathJax itself
// finds the mathematics, by the page's own configuration, and parses it. Nothing is typeset.

const fs = require('fs');
const Module = require('module');
const path = require('path');

const [site, ...pages] = process.argv.slice(2);
const home = path.join(site, 'mathjax');

// outside a browser its speech part asks for packages that parsing does not need
const absent = ['xmldom-sre', 'wicked-good-xpath', 'commander'];
const stub = new Proxy(function () {}, {
  get: (_, key) => (key === Symbol.toPrimitive ? () => '' : stub),
  apply: () => stub,
  construct: () => stub,
  set: () => true,
});
const load = Module._load;
Module._load = (name, ...rest) => (absent.includes(name) ? stub : load(name, ...rest));

// the configuration that Sphinx writes into each page: <script>window.MathJax = {...}</script>
function configuration(html) {
  const found = html.match(/<script>window\.MathJax = (\{.*?\})<\/script>/s);
  return found ? JSON.parse(found[1]) : null;
}

const texts = pages.map((page) => fs.readFileSync(path.join(site, page), 'utf8'));
const configurations = texts.map(configuration);
const first = configurations.find((c) => c) || {};
for (const other of configurations) {
  if (other && JSON.stringify(other) !== JSON.stringify(first)) {
    console.log(JSON.stringify({error: 'pages differ in their MathJax configuration'}));
    process.exit(0);
  }
}

global.MathJax = {
  ...first,
  loader: {
    ...(first.loader || {}),
    paths: {mathjax: home},
    load: ['adaptors/liteDOM', ...((first.loader || {}).load || [])],
    require: require,
  },
  startup: {typeset: false},
};
require(path.join(home, 'startup.js'));

function errors(root) {
  const found = [];
  root.walkTree((node) => {
    if (node.isKind('merror')) {
      found.push(node.attributes.get('data-mjx-error') || 'error');
    }
  });
  return found;
}

MathJax.startup.promise.then(async () => {
  const {mathjax} = MathJax._.mathjax;
  const result = {version: MathJax.version, pages: {}};
  for (let i = 0; i < pages.length; i++) {
    const math = [];
    result.pages[pages[i]] = math;
    if (!configurations[i]) continue;  // a page that does not load MathJax
    const document = mathjax.document(texts[i], {
      ...MathJax.config.options,
      InputJax: MathJax.startup.getInputJax(),
      OutputJax: MathJax.startup.getOutputJax(),
    });
    await mathjax.handleRetriesFor(() => {
      document.clear();
      document.findMath().compile();
    });
    for (const item of document.math) {
      math.push({tex: item.math, display: item.display, errors: errors(item.root)});
    }
  }
  console.log(JSON.stringify(result));
}).catch((error) => {
  console.log(JSON.stringify({error: String(error && error.stack || error)}));
});
