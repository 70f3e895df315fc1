"use strict";

// Puts charts and crystals into the page.

const report = JSON.parse(document.getElementById("data").textContent);
if (report.loss) drawLoss(document.getElementById("loss-figure"), report.loss, report.command);
for (const distribution of report.distributions) {
  drawDistribution(document.getElementById("distribution-figures"), distribution, report.command);
}
startGallery(report.crystals, report.looks);
