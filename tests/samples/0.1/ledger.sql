-- A ledger of format 1 as tuibackup 0.1 wrote it: every kind, odd texts and numbers, a clock that was set back.
BEGIN TRANSACTION;
CREATE TABLE entry (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        time VARCHAR(24) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        operator VARCHAR(255) NOT NULL,
        host VARCHAR(255) NOT NULL,
        server VARCHAR(64),
        run VARCHAR(128),
        body TEXT NOT NULL,
        prev VARCHAR(64) NOT NULL,
        hash VARCHAR(64) NOT NULL
    );
INSERT INTO "entry" VALUES(1,'2026-11-22T01:30:00.000Z','needs','andi','jump01','siakad','2026-11-22T013000Z-siakad-1a2b','{"clocks":["files","databases"],"needs":[{"detail":"tuibackup@10.10.0.5","need":"connection","ok":true}],"operator":{"chosen":false,"client":"10.0.0.9","login":"andi","name":"andi"}}','0000000000000000000000000000000000000000000000000000000000000000','c6f28eaf1f3296a42ef91a58d99147964cdd2cc96a649000f74bba74085869a3');
INSERT INTO "entry" VALUES(2,'2026-11-22T01:30:07.000Z','step','andi','jump01','siakad','2026-11-22T013000Z-siakad-1a2b','{"detail":"…","expected":null,"outcome":"done","seconds":0.1,"slow":false,"standard":600.0,"step":"connect"}','c6f28eaf1f3296a42ef91a58d99147964cdd2cc96a649000f74bba74085869a3','0a544e0ccc21e71c933aca07aa119254ee028a51089167778734441b99090df7');
INSERT INTO "entry" VALUES(3,'2026-11-22T01:30:14.000Z','step','andi','jump01','siakad','2026-11-22T013000Z-siakad-1a2b','{"detail":"…","expected":null,"findings":[{"mark":false,"reason":"vanished","subject":"/var/www/siakad/n\udcff\u001b‮"}],"findings_total":1,"outcome":"warnings","seconds":1e+16,"slow":false,"standard":null,"step":"download"}','0a544e0ccc21e71c933aca07aa119254ee028a51089167778734441b99090df7','83657630b3d4f7905adce63ffb691612553919215d50a772603fb180ea777f3d');
INSERT INTO "entry" VALUES(4,'2026-11-22T01:30:21.000Z','step','andi','jump01','siakad','2026-11-22T013000Z-siakad-1a2b','{"detail":"…","expected":null,"outcome":"done","seconds":3,"slow":false,"standard":300.0,"step":"login"}','83657630b3d4f7905adce63ffb691612553919215d50a772603fb180ea777f3d','ddd324438d6c385d24a2e9b6e8677c006b196e3ed98d8ef76468c53ed131656a');
INSERT INTO "entry" VALUES(5,'2026-11-22T01:30:28.000Z','step','andi','jump01','siakad','2026-11-22T013000Z-siakad-1a2b','{"detail":"…","expected":null,"outcome":"done","seconds":1e-07,"slow":false,"standard":null,"step":"dump"}','ddd324438d6c385d24a2e9b6e8677c006b196e3ed98d8ef76468c53ed131656a','d24507cff52c3a990013a7d6425cfe146003992748ce47c95bdab04d6d10ed43');
INSERT INTO "entry" VALUES(6,'2026-11-22T01:30:35.000Z','run','andi','jump01','siakad','2026-11-22T013000Z-siakad-1a2b','{"clocks":{"databases":{"bytes":9,"detail":"2 databases","items":2,"outcome":"done","snapshot":"siakad/databases/2026-11-22T013512Z","started":"2026-11-22T08:35:12+07:00","stored":5,"whole":true},"files":{"bytes":12345678901234567890,"detail":"3 files","items":3,"outcome":"warnings","snapshot":"siakad/files/2026-11-22T013000Z","started":"2026-11-22T01:30:00Z","stored":5,"whole":true}},"detail":"","error":"","exit_code":3,"findings":1,"full":true,"operator":{"chosen":false,"client":"10.0.0.9","login":"andi","name":"andi"},"outcome":"warnings","request":"r","seconds":12.5}','d24507cff52c3a990013a7d6425cfe146003992748ce47c95bdab04d6d10ed43','1c24c274ef3caeb6b9400dcd7d26447bc1a6b1179e8aa8e2f4c5e6e09283bab0');
INSERT INTO "entry" VALUES(7,'2026-11-22T01:30:42.000Z','verify','andi','jump01','siakad',NULL,'{"bytes":9,"detail":"","error":"x","files":3,"operator":{"chosen":false,"client":"10.0.0.9","login":"andi","name":"andi"},"outcome":"failed","problems":["x"],"problems_total":1,"seconds":2.0,"snapshot":"siakad/files/2026-11-22T013000Z"}','1c24c274ef3caeb6b9400dcd7d26447bc1a6b1179e8aa8e2f4c5e6e09283bab0','fb7dd9c7c307d0e595cb85f19ee4cc81e54a52b26b26e3595a4f904326f4c108');
INSERT INTO "entry" VALUES(8,'2026-11-22T01:30:49.000Z','restore','andi','jump01','siakad',NULL,'{"detail":"","files":3,"operator":{"chosen":false,"client":"10.0.0.9","login":"andi","name":"andi"},"outcome":"done","seconds":1.25,"snapshot":"siakad/files/2026-11-22T013000Z","to":"/tmp/back"}','fb7dd9c7c307d0e595cb85f19ee4cc81e54a52b26b26e3595a4f904326f4c108','5dca9f1b14681cfa4c6435f889eda14ecf332627b9d8e53c066dd4ec515cd577');
INSERT INTO "entry" VALUES(9,'2026-11-22T01:30:56.000Z','drill','andi','jump01','siakad',NULL,'{"detail":"","error":"","operator":{"chosen":false,"client":"10.0.0.9","login":"andi","name":"andi"},"outcome":"done","seconds":1.5,"snapshot":"siakad/files/2026-11-22T013000Z"}','5dca9f1b14681cfa4c6435f889eda14ecf332627b9d8e53c066dd4ec515cd577','b73c35ccbe287e01e2d4eafa48a42047615a2e8ac6eea1b50c68a25e7a6b4d7b');
INSERT INTO "entry" VALUES(10,'2026-11-22T00:31:03.000Z','drill','andi','jump01','siakad',NULL,'{"detail":"","error":"ä","operator":{"chosen":false,"client":"10.0.0.9","login":"andi","name":"andi"},"outcome":"failed","seconds":4.25,"snapshot":"siakad/databases/2026-11-22T013512Z"}','b73c35ccbe287e01e2d4eafa48a42047615a2e8ac6eea1b50c68a25e7a6b4d7b','a7d282e141b1baadf7ff2dc1e8d91d13bab5b9dc19fbb4a7e3516fb37d7b1f4d');
INSERT INTO "entry" VALUES(11,'2026-11-22T00:31:10.000Z','retention','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','a7d282e141b1baadf7ff2dc1e8d91d13bab5b9dc19fbb4a7e3516fb37d7b1f4d','116f28a8a1b4da547a1a875200748f237d0c51f1766d0347e293643b40da8ea2');
INSERT INTO "entry" VALUES(12,'2026-11-22T00:31:17.000Z','hold','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','116f28a8a1b4da547a1a875200748f237d0c51f1766d0347e293643b40da8ea2','8b286d94b883be7d09f457ee8c6879bb91854e998c811eebd7fb40e5d6b600e7');
INSERT INTO "entry" VALUES(13,'2026-11-22T00:31:24.000Z','copy','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','8b286d94b883be7d09f457ee8c6879bb91854e998c811eebd7fb40e5d6b600e7','01d4bf15b415f0c42a0bc8f42cf4c6bad4a0db1d2befb0ef916e5e76e069163d');
INSERT INTO "entry" VALUES(14,'2026-11-22T00:31:31.000Z','trust','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','01d4bf15b415f0c42a0bc8f42cf4c6bad4a0db1d2befb0ef916e5e76e069163d','53abcabe817aeb3102f19abf14cf4987a1efbc73d39c0791ae320476fefe0b06');
INSERT INTO "entry" VALUES(15,'2026-11-22T00:31:38.000Z','config','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','53abcabe817aeb3102f19abf14cf4987a1efbc73d39c0791ae320476fefe0b06','6eda6cbeb1a32dba769d73ade8b19f61db4c23e77f828b70a3bef37e4ac504e9');
INSERT INTO "entry" VALUES(16,'2026-11-22T00:31:45.000Z','note','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','6eda6cbeb1a32dba769d73ade8b19f61db4c23e77f828b70a3bef37e4ac504e9','f12e2da1718837e4227a1f43fd9ac9238b6cb661e4bbdd15165120512182f1f2');
INSERT INTO "entry" VALUES(17,'2026-11-22T00:31:52.000Z','seal','andi','jump01','siakad',NULL,'{"number":[0.1,-0.0,1.0,1180591620717411303424,true,null],"outcome":"done","reason":"a\\\"b\n\t","snapshot":"siakad/files/2026-11-22T013000Z","text":"né ☃ 𝄞"}','f12e2da1718837e4227a1f43fd9ac9238b6cb661e4bbdd15165120512182f1f2','7d0b6faa6479c6f56b1a09600292d144953f897e20db0d36396734a882fe8fd6');
INSERT INTO "entry" VALUES(18,'2026-11-22T01:30:00.000Z','note','siti','jump01',NULL,NULL,'{}','7d0b6faa6479c6f56b1a09600292d144953f897e20db0d36396734a882fe8fd6','8e40b5118e13a2e7f0c0d0c72e4f2862865de43159258f2541016ee6bb16a267');
CREATE TABLE result (
        seq INTEGER NOT NULL,
        what VARCHAR(16) NOT NULL,
        server VARCHAR(64) NOT NULL,
        time VARCHAR(24) NOT NULL,
        outcome VARCHAR(16) NOT NULL,
        seconds FLOAT,
        good BOOLEAN NOT NULL,
        started VARCHAR(24),
        snapshot VARCHAR(255),
        PRIMARY KEY (seq, what)
    );
INSERT INTO "result" VALUES(2,'connect','siakad','2026-11-22T01:30:07.000Z','done',0.1,0,NULL,NULL);
INSERT INTO "result" VALUES(3,'download','siakad','2026-11-22T01:30:14.000Z','warnings',1.0e+16,0,NULL,NULL);
INSERT INTO "result" VALUES(4,'login','siakad','2026-11-22T01:30:21.000Z','done',3.0,0,NULL,NULL);
INSERT INTO "result" VALUES(5,'dump','siakad','2026-11-22T01:30:28.000Z','done',1.0e-07,0,NULL,NULL);
INSERT INTO "result" VALUES(6,'run','siakad','2026-11-22T01:30:35.000Z','warnings',12.5,0,NULL,NULL);
INSERT INTO "result" VALUES(6,'files','siakad','2026-11-22T01:30:35.000Z','warnings',NULL,1,'2026-11-22T01:30:00.000Z','siakad/files/2026-11-22T013000Z');
INSERT INTO "result" VALUES(6,'databases','siakad','2026-11-22T01:30:35.000Z','done',NULL,1,'2026-11-22T01:35:12.000Z','siakad/databases/2026-11-22T013512Z');
INSERT INTO "result" VALUES(9,'drill-files','siakad','2026-11-22T01:30:56.000Z','done',1.5,0,NULL,'siakad/files/2026-11-22T013000Z');
INSERT INTO "result" VALUES(10,'drill-databases','siakad','2026-11-22T00:31:03.000Z','failed',4.25,0,NULL,'siakad/databases/2026-11-22T013512Z');
CREATE INDEX entry_time ON entry (time);
CREATE INDEX entry_kind ON entry (kind);
CREATE INDEX entry_server ON entry (server, kind);
CREATE INDEX entry_run ON entry (run);
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE INDEX result_last ON result (server, what, seq);
CREATE INDEX result_good ON result (server, what, good, seq);
CREATE INDEX result_outcome ON result (server, what, outcome, seq);
CREATE INDEX result_time ON result (what, time);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('entry',18);
COMMIT;
PRAGMA application_id = 1953851724;
PRAGMA user_version = 1;
