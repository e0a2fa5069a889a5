package eval

// requirements are the points of the three guidelines, in our words. A point that
// a run answers in part has two lines. The numbers of TRIPOD+AI and STARD-AI were
// checked against lists that follow the published tables row by row; those of
// CLAIM 2024 against summaries of it, and not against its own table.
var requirements = []struct {
	name  string
	items []requirement
}{
	{"Title, abstract, introduction", []requirement{
		{"The title names the AI method and a measure of accuracy", "1", "1", "1", "", "in your title", "", ""},
		{"A structured abstract", "2", "2", "2", "", "in your abstract; the summary may be quoted", "", ""},
		{"Clinical background, intended use, place in the care pathway", "3", "3a, 3b", "3", "", "whom it serves, when and why", "", ""},
		{"Known inequalities between groups of patients", "", "3c", "", "", "what is known for this disease", "", ""},
		{"Aims and hypotheses", "4, 6", "4", "4", "", "what was to be shown, and whether fixed beforehand", "", ""},
	}},
	{"Design and governance", []requirement{
		{"Prospective or retrospective", "5", "", "5", "", "when the scans were collected in relation to the study", "", ""},
		{"Ethics approval and consent", "", "17", "6", "", "committee and number, or why none was needed", "", ""},
		{"Registration", "34", "18d", "36", "", "registry and number, or that there is none", "", ""},
		{"Study protocol", "42", "18c", "37", "", "where it can be read, or that there is none", "", ""},
		{"Patients and the public in the design", "", "19", "", "", "their part, or that they had none", "", ""},
		{"Funding", "44", "18a", "38", "", "who paid, and their part in the study", "", ""},
		{"Competing and commercial interests", "", "18b", "39", "", "of every author", "", ""},
	}},
	{"Data", []requirement{
		{"Source of the data and why it was chosen", "7", "5a", "11", "", "routine care, made for the study, or a public set", "", ""},
		{"Setting, centres, dates", "", "5b, 6a", "9", "", "dates and places are taken out of the scans", "", ""},
		{"How patients were identified; consecutive, random or by convenience", "", "", "8, 10", "", "how the archive came about", "", ""},
		{"Eligibility of patients", "8", "6b", "7", "", "age, disease and the like, in the order applied", "", ""},
		{"Eligibility of scans, and what was refused", "8", "6b", "7", "patients", "flow of patients", "flow", "the report was made without the ingest stage"},
		{"Treatments, and what happened between scan and diagnosis", "", "6c", "27", "", "if it could change what the scan shows", "", ""},
		{"Vendors, slice thickness, voxel spacing", "13", "", "13, 14", "data", "data", "dataset", "the dataset came without a description"},
		{"Protocol of the scans: dose, contrast, reconstruction", "13", "", "14", "", "as far as it is known", "", ""},
		{"Preparation of the data", "9", "7, 12b", "14", "data", "resampling and intensity window", "dataset", "the dataset came without a description"},
		{"Selection of subsets", "10", "", "", "patients", "the parts and what of them counts", "", ""},
		{"De-identification", "11", "", "", "provenance", "keyed hashes stand for all identities; no name, id or date is kept", "", ""},
		{"Missing data", "12", "11", "20", "patients", "scans without labels are not judged, and those the detector could not read count as missed; both are counted", "", ""},
		{"Predictors: what the model is given", "", "9a, 9b, 9c", "17a", "provenance", "the voxels of the scan alone: no clinical facts, no labels, no reader", "", ""},
	}},
	{"Reference standard", []requirement{
		{"What counts as a lesion, and how it was established", "14", "8a", "16a, 16c", "", "contours, biopsy, follow-up, and what was marked", "", ""},
		{"Why this reference standard", "15", "", "16b", "", "and what the alternatives were", "", ""},
		{"Who annotated, with what training and tools", "16, 17", "8b", "12", "", "for the test part above all", "", ""},
		{"Agreement of the annotators", "18", "", "", "", "between readers and of one reader with himself", "", ""},
		{"Blinding of the annotators", "", "8c", "17b", "", "whether they knew the detections or the outcome", "", ""},
		{"Findings that cannot be judged", "", "", "19", "strata", "left out on both sides, and counted", "", ""},
	}},
	{"Parts and sample size", []requirement{
		{"How patients came into the parts", "19", "12a", "15b", "leakage", "split", "split", "the dataset came without its split"},
		{"The parts share no patient", "20", "12a", "", "leakage", "proof", "leakage", "there is no proof, or it failed"},
		{"Why this sample size", "21", "10", "22", "", "the calculation, or that there was none", "", ""},
		{"Differences between the parts", "", "16, 20c", "25", "data", "lesions and scans by part", "dataset", "the dataset came without a description"},
		{"Few lesions among much tissue (class imbalance)", "", "13", "", "provenance", "share of crops around lesions, in the stages' settings", "stages", "the stages' settings were not found"},
	}},
	{"Model", []requirement{
		{"Architecture, inputs and outputs", "22", "12c, 15", "15a", "provenance", "settings of the stages", "stages", "the stages' settings were not found"},
		{"Full specification, to make it again", "", "12g, 22", "15a", "provenance", "settings, seed and the weights' SHA-256", "stages", "the stages' settings were not found"},
		{"Software", "23", "", "13", "provenance", "version of the program", "", ""},
		{"Initial weights", "24", "", "", "training", "pretraining and seed", "trained", "the detector's training was not given"},
		{"Training: data, loss, optimiser, augmentation", "25", "12c", "15b", "training", "curves; settings under provenance", "trained", "the detector's training was not given"},
		{"How the final model was chosen", "26", "12c", "15b", "training", "best on the validation part", "trained", "the detector's training was not given"},
		{"Ensembling", "27", "", "", "provenance", "one model; the settings say whether its maps are averaged over mirror images", "", ""},
		{"Updating of the model", "", "12f, 24", "", "provenance", "none after training", "", ""},
		{"Thresholds, and how they were fixed", "", "15", "15c", "points", "on the validation part", "points", "no threshold was fixed beforehand"},
		{"Users, their expertise, and scans of poor quality", "", "27a, 27b", "15d", "", "who reads the detections, and what is done with a poor scan", "", ""},
	}},
	{"Methods of evaluation", []requirement{
		{"Measures of performance", "28", "12e", "18", "definitions", "definition beside each figure", "", ""},
		{"Intervals and tests", "29", "12e", "18", "definitions", "resampling of patients; paired differences", "", ""},
		{"Robustness to changed input", "30", "", "", "", "", "", "no scan was changed to test it"},
		{"Variation between groups and sites", "", "12d, 23b", "21", "strata", "strata", "lesions", "there is no lesion to group"},
		{"Fairness between groups of patients", "", "14", "23", "strata", "strata by sex and age", "people", "sex and age of the patients are not known to the run"},
		{"Explaining single results", "31", "", "", "", "", "", "each detection has a place, a size and a score; why it was made is not shown"},
		{"Test on held-out patients of the same source", "32", "12a", "15b", "curves", "the test part", "test", "these scans are not the test part"},
		{"Test on another source", "33", "16", "29", "", "", "", "evaluate the detector on scans of another hospital"},
	}},
	{"Results", []requirement{
		{"Flow of patients, with a diagram", "35", "20a, 21", "24", "patients", "flow of patients", "flow", "the report was made without the ingest stage"},
		{"Technical characteristics of each part", "36", "20b", "25", "data", "data", "dataset", "the dataset came without a description"},
		{"Demographic and clinical characteristics of each part", "36", "20b", "25", "", "age, sex and disease, as far as they are known", "", ""},
		{"Sizes of the lesions", "", "", "26a", "strata", "lesions by diameter", "lesions", "there is no lesion"},
		{"Other diagnoses in patients without a lesion", "", "", "26b", "", "what else they had", "", ""},
		{"Whether these patients are those of the intended use", "", "", "28", "", "share with disease, and where it differs", "", ""},
		{"Performance with its precision", "37, 38", "23a", "31", "curves", "curves and comparison", "lesions", "there is no lesion to find"},
		{"Counts at each threshold (cross-tabulation)", "", "", "30", "points", "operating points", "points", "no threshold was fixed beforehand"},
		{"Calibration", "", "12e, 23a", "", "scans", "reliability diagram", "calibration", "it needs scans with and without a lesion"},
		{"Clinical usefulness (decision curve)", "", "12e", "", "scans", "net benefit", "decision", "it needs scans with and without a lesion"},
		{"Analysis of what went wrong", "39", "", "23", "gallery", "missed lesions and false detections", "gallery", "no picture was drawn"},
		{"Harm from the scan or the reference standard", "", "", "32", "", "adverse events, or that there were none", "", ""},
	}},
	{"Discussion and availability", []requirement{
		{"Limitations", "40", "26", "33", "limitations", "worked out from the data; add what you know", "", ""},
		{"Interpretation, and what it means for practice", "41", "25", "34", "", "also beside other methods in use", "", ""},
		{"Ethics of its use, and fairness", "", "25", "35", "", "whom it could harm or leave out", "", ""},
		{"What is to be done next", "", "27c", "", "", "such as a test at another hospital", "", ""},
		{"Availability of data, weights and code", "43", "18e, 18f", "40a", "", "where, and on what terms", "", ""},
		{"Outputs are kept and can be audited", "", "", "40b", "provenance", "digests of every input; oncovox verify checks them", "", ""},
	}},
}
