package dicomio
